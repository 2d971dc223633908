"""The records, guards and reports of runs."""
