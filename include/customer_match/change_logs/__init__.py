"""Change logs: tables with one row for each change, of which only the newest row of each key counts.

`export/changes.py` models what an export file says about one. Here, `reading.py` detects whether a table is a change
log and which columns describe the changes, `order.py` makes the order values comparable, `newest.py` finds the newest
rows in constant memory, and `table.py` is the table that these rows form.
"""
