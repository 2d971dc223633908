"""Which files of a folder are a table's data.

`names.py` says what a name tells, `first_bytes.py` what a file is whose name tells nothing, and `choosing.py` puts both
together: a visible file is read, or is bookkeeping, or the table is refused by the file's name.
"""
