"""Where clips come from, under what right, and how they are had."""
