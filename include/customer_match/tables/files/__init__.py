"""Decides which files of a folder are a table's data.

`names.py` classifies files by their names, `first_bytes.py` by their first bytes, and `choosing.py` combines both. A
visible file is read, or ignored as bookkeeping, or the table is rejected with a message that names the file.
"""
