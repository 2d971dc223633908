"""Airflow's connections outside of its tasks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["connections_of_this_airflow"]

_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


@contextmanager
def connections_of_this_airflow() -> Iterator[None]:
    """Let hooks find connections as Airflow's own programs do.

    In the environment, in secrets backends, and in the metadata database; the Task SDK looks into the last only
    where a process says that it is one of Airflow's own (observed, Airflow 3.3.2:
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
