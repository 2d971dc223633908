"""Checks before a run selects its segments: how it was started, and whether it may begin."""
