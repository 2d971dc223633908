"""Lineage of audiences by OpenLineage: the tables and columns they come from."""
