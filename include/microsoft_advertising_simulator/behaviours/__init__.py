"""The simulated behaviours, as a table and as a page."""
