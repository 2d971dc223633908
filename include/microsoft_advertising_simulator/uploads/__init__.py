"""Bulk uploads and downloads, and their results."""
