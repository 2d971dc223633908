"""How long who writes to the metadata database waits for another writer: SQLite has one at a time.

The scheduler ends where it waits in vain ("database is locked"), so it waits for long. The api-server must not: where
it logs who asked for what, it waits in its event loop, perhaps for a request that only this loop can bring to its end,
and answers nobody meanwhile. Whoever gets an error from it asks again. (Both seen, Airflow 3.3.2.)
"""

LONG = {"timeout": 60}
SHORT = {"timeout": 2}
