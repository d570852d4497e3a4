"""What every stage shares and no domain owns."""
