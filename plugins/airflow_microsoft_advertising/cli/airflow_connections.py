"""Access to Airflow's connections outside of tasks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["airflow_connections"]

_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


@contextmanager
def airflow_connections() -> Iterator[None]:
    """Let hooks find connections as Airflow's own programs do.

    They look in the environment, in secrets backends, and in the metadata database. The Task SDK reads the database
    only in a process that declares itself one of Airflow's own (observed, Airflow 3.3.2:
    `airflow.sdk.execution_time.supervisor.ensure_secrets_backend_loaded`).
    """
    before = os.environ.get(_CONTEXT)
    os.environ[_CONTEXT] = "server"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CONTEXT]
        else:
            os.environ[_CONTEXT] = before
