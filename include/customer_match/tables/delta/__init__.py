"""Delta Lake tables, read from their log on any file system.

Protocol: https://github.com/delta-io/delta/blob/master/PROTOCOL.md (documented). The log is replayed here instead of
by a library, so that it is read through the same file system, with the same credentials and the same error messages as
everything else. The tests compare every kind of table with what `deltalake` reads.

- `log_files.py`: the files of the log that make up a version, and the version that was valid at a given time;
- `actions.py`: reads these files; `replay.py`: applies their actions;
- `schema.py`: columns, including renamed ones; `deletion_vectors.py`: deleted rows that a file still contains;
- `table.py`: the table.
"""
