"""Segment tables of a data lake: one interface, one module a format."""

from customer_match.tables.columns import Columns, find_column, resolve_column
from customer_match.tables.discovery import discover, remains_of
from customer_match.tables.listing import is_being_written
from customer_match.tables.opening import open_table
from customer_match.tables.table import Table, TableFile, TableMissing

__all__ = [
    "Columns",
    "Table",
    "TableFile",
    "TableMissing",
    "discover",
    "find_column",
    "is_being_written",
    "open_table",
    "remains_of",
    "resolve_column",
]
