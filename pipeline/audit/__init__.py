"""Why everything was kept or dropped: in words for one clip, and as a page for all of them."""
