"""Bulk uploads: the file, its transfer, its results."""
