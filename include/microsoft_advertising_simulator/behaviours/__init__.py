"""What the simulator imitates, as a table and as a page."""
