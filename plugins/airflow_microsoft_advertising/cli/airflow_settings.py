"""Airflow in a command: its settings, which it reads when it is first imported, and access to its connections."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["airflow_connections", "prepare_airflow"]

_CONTEXT: Final = "_AIRFLOW_PROCESS_CONTEXT"
_LEVELS: Final = "AIRFLOW__LOGGING__NAMESPACE_LEVELS"
_QUIET: Final = "airflow.models.connection=ERROR"


def prepare_airflow() -> None:
    """Make settings that the user has not made: a home that is not the user's, and fewer warnings.

    - Airflow writes to its home as soon as it is imported (observed, 3.3.2: `logs`). Without AIRFLOW_HOME that is
      `~/airflow`. If no Airflow was ever set up there, a temporary folder takes its place.
    - Airflow warns of each look-up of a connection whose type contains `_`, although most of its own types do.
    """
    if not {"AIRFLOW_HOME", "AIRFLOW_CONFIG"} & os.environ.keys() and not _is_home(
        Path("~/airflow").expanduser()
    ):
        home = tempfile.mkdtemp(prefix="customer-match-no-airflow-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ["AIRFLOW_HOME"] = home
    os.environ[_LEVELS] = " ".join(filter(None, (os.environ.get(_LEVELS), _QUIET)))


def _is_home(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("airflow.cfg", "airflow.db"))


@contextmanager
def airflow_connections() -> Iterator[None]:
    """Let hooks find connections as Airflow's own programs do.

    They look in the environment, in secrets backends, and in the metadata database, if there is one. The Task SDK
    reads the database only in a process that declares itself one of Airflow's own (observed, Airflow 3.3.2:
    `airflow.sdk.execution_time.supervisor.ensure_secrets_backend_loaded`).
    """
    from airflow_microsoft_advertising.connection.metadata_database import (  # noqa: PLC0415 - keeps --help quick
        has_metadata_database,
    )

    before = os.environ.get(_CONTEXT)
    if not has_metadata_database():
        yield
        return
    os.environ[_CONTEXT] = "server"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CONTEXT]
        else:
            os.environ[_CONTEXT] = before
