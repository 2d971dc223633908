"""Logs of changes: tables with a row for each change of a row elsewhere, of which only the newest of each key counts.

`export/changes.py` is what an export file says of one. Here, `reading.py` finds out whether a table is one and which
columns tell it, `order.py` brings the values that say which row is newer into an order, `newest.py` finds the rows
that count in constant memory, and `table.py` is the table that these rows make.
"""
