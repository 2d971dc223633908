"""Delta Lake tables, read by their log alone, over any file system.

Protocol: https://github.com/delta-io/delta/blob/master/PROTOCOL.md (documented). The log is replayed here and not
by a library so that it travels through the same file system, with the same credentials and the same words for
storage trouble, as everything else; the tests compare every kind of table with what `deltalake` reads.

- `log_files.py`: which files of the log make up a version, and which version was valid at a moment;
- `actions.py`: reads them; `replay.py`: what they come to;
- `schema.py`: columns, also renamed ones; `deletion_vectors.py`: rows that a file still has but the table has not;
- `table.py`: the table.
"""
