"""Reads the rows of a segment, filters them, and stages the members."""
