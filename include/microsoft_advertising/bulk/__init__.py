"""Bulk uploads: files, their transfer and their results."""
