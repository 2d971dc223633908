"""Sample tables in every supported format, written by separate code that shares nothing with the readers.

Tests read them back. Delta tables are also read with `deltalake`, so that writer and reader cannot share an error.
"""
