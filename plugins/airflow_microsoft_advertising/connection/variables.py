"""Airflow Variables in tasks, in triggers, and in processes that have the metadata database."""

from __future__ import annotations

import sys

__all__ = ["has_supervisor", "mask", "read_variable", "write_variable"]


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
