"""Tables of plain files with a log next to them: only the log says which of the files count.

`detection.py` recognises logs by the names of their files, and rejects tables with unsupported ones. `databricks.py`
and `spark_sink.py` read two simple kinds.
"""
