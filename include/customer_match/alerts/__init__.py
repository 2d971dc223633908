"""Alerts: which runs are announced, and what the message says."""
