"""Bulk files: reading an upload, deciding on its rows, writing the results."""
