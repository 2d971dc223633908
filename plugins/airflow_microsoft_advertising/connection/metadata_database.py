"""Whether Airflow has a metadata database here. Opening a missing SQLite database would create an empty one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from customer_match.errors import ConfigurationError

__all__ = ["has_metadata_database", "require_metadata_database"]

_SQLITE: Final = "sqlite:///"


def has_metadata_database() -> bool:
    """Whether the database of Airflow's settings exists; only for SQLite, a file, can this be known beforehand."""
    return not (file := _sqlite_file()) or (file.is_file() and file.stat().st_size > 0)


def require_metadata_database() -> None:
    """Check that there is a database to write to.

    Raises:
        ConfigurationError: There is none; the message says how to name or to make one.
    """
    if not has_metadata_database():
        raise ConfigurationError(
            "There is no Airflow here: its metadata database does not exist. Set AIRFLOW_HOME to the folder of your "
            "Airflow (or AIRFLOW__DATABASE__SQL_ALCHEMY_CONN to its database). In a new Airflow, run "
            "`airflow db migrate` first."
        )


def _sqlite_file() -> Path | None:
    from airflow.configuration import conf  # noqa: PLC0415 (reads Airflow's settings)

    address = str(conf.get("database", "sql_alchemy_conn"))
    return Path(address.removeprefix(_SQLITE).partition("?")[0]) if address.startswith(_SQLITE) else None
