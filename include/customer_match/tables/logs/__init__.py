"""Tables of plain files that keep a log beside them: only the log knows which of the files count.

`detection.py` knows the logs by the names of their files, and refuses those that are not read here; `databricks.py` and
`spark_sink.py` read two that are simple.
"""
