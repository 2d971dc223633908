"""Bulk files: read an upload, decide on its rows, write the results."""
