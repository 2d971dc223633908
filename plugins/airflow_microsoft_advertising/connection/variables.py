"""Airflow Variables in tasks, in triggers, and in processes with the metadata database; our secret keys in them.

Airflow encrypts Variables in its metadata database, and hides the values of those with "secret" in their names on its
pages and in logs. Any secrets backend can provide them.
"""

from __future__ import annotations

import re
import sys
from typing import Final

from airflow_microsoft_advertising.connection.metadata_database import has_metadata_database
from customer_match.errors import TransientError

__all__ = [
    "has_supervisor",
    "how_to_provide",
    "key_of",
    "mask",
    "read_secret",
    "read_variable",
    "write_variable",
]

_DIGITS: Final = re.compile(r"[0-9a-f]{64}")


def has_supervisor() -> bool:
    """Whether this process runs a task or a trigger: these access Airflow through a supervisor only.

    Airflow's own models check this in the same way (airflow/models/variable.py, 3.3).
    """
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return getattr(runner, "SUPERVISOR_COMMS", None) is not None


def read_variable(name: str) -> str | None:
    """Read a Variable; None if there is none. It may raise any exception of Airflow or of a secrets backend."""
    if has_supervisor():
        from airflow.sdk import Variable  # noqa: PLC0415 (only one of the two is needed)

        value: str | None = Variable.get(name, default=None)
        return value
    from airflow.models.variable import Variable as Row  # noqa: PLC0415 (imports the metadata database)

    found: str | None = Row.get(name, default_var=None)
    return found


def write_variable(name: str, value: str, description: str) -> None:
    """Write a Variable to the metadata database. It may raise any exception of Airflow."""
    if has_supervisor():
        from airflow.sdk import Variable  # noqa: PLC0415

        Variable.set(name, value, description)
        return
    from airflow.models.variable import Variable as Row  # noqa: PLC0415

    Row.set(name, value, description)


def mask(value: str) -> None:
    """Mask a value in all logs."""
    from airflow.sdk.log import mask_secret  # noqa: PLC0415 (sets logging up)

    mask_secret(value)


def how_to_provide(name: str) -> str:
    """Tell users how to provide a key, as the beginning of a sentence."""
    return (
        f"Provide 64 hex digits (such as from `openssl rand -hex 32`) as the Airflow Variable {name!r}: in a secrets "
        f"backend, or in the environment of all of Airflow's programs and of this command (AIRFLOW_VAR_{name.upper()})"
    )


def key_of(text: str) -> bytes | None:
    """Parse a key; None if it is not 64 hex digits. It is masked in all logs."""
    mask(text)
    digits = text.strip().lower()
    return bytes.fromhex(digits) if _DIGITS.fullmatch(digits) else None


def read_secret(name: str) -> str | None:
    """Read the Variable; None if there is none. Tasks, triggers and commands may call this, without a database too.

    Raises:
        TransientError: Airflow cannot be asked now.
    """
    try:
        if has_supervisor() or has_metadata_database():
            return read_variable(name)
        return _from_backends(name)
    except Exception as error:
        raise TransientError(
            f"The Airflow Variable {name!r} cannot be read ({type(error).__name__}). Trying again later."
        ) from error


def _from_backends(name: str) -> str | None:
    """Ask all secrets backends but the metadata database, which does not exist: asking would make an empty one."""
    from airflow.configuration import ensure_secrets_loaded  # noqa: PLC0415 (reads Airflow's settings)
    from airflow.secrets.metastore import MetastoreBackend  # noqa: PLC0415

    found = (
        backend.get_variable(name)
        for backend in ensure_secrets_loaded()
        if not isinstance(backend, MetastoreBackend)
    )
    return next((value for value in found if value is not None), None)
