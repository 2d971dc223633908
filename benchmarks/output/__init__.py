"""What becomes of the figures: the file of results, the goals, the page and its pictures."""
