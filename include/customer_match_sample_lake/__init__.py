"""Sample tables in every shape that is read, written by code of their own: it shares nothing with the readers.

Tests read them back; `deltalake` reads the Delta tables, too, so that writer and reader cannot err alike.
"""
