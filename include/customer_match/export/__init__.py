"""The export file: its model, how it is loaded and checked, and what its problems are called."""
