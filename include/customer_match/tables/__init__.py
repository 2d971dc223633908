"""Reads segment tables of a data lake: one interface, and one module or package for each format."""
