"""What a run records, checks and reports."""
