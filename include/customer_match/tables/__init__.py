"""Segment tables of a data lake: one interface, one module a format."""
