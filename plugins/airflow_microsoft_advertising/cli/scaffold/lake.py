"""What a new export can find in the lake: tables, and the columns of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from customer_match.errors import CustomerMatchError

__all__ = ["Lake", "look_at"]

_CONSENT: Final = ("consent", "optin", "opt_in", "opt-in", "permission")


@dataclass(frozen=True)
class Lake:
    """What was found.

    Attributes:
        tables: Names of the tables.
        columns: Columns of the first table that can be opened, and whether each holds text, numbers or true/false.
        fault: Why nothing was found; empty if something was.
    """

    tables: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def email(self) -> str | None:
        """The column that seems to hold the addresses."""
        texts = [name for name, kind in self.columns.items() if kind == "text"]
        alike = [name for name in texts if "mail" in name.casefold()]
        return min(alike, key=len, default=None)

    @property
    def consent(self) -> str | None:
        """The column that seems to state consent."""
        return next(
            (name for name in self.columns if any(word in name.casefold() for word in _CONSENT)), None
        )


def look_at(source: object, table: str | None = None) -> Lake:
    """Look at a source, as a run would.

    Args:
        source: As in an export file.
        table: The table whose columns are wanted; None: the first one.
    """
    from airflow_microsoft_advertising.lake.filesystem import filesystem  # noqa: PLC0415 - imports Airflow
    from customer_match.export.loading import export_of_task  # noqa: PLC0415
    from customer_match.profiles.dated_source import DatedSource  # noqa: PLC0415

    try:
        keys: dict[str, Any] = {"cid": 1, "aid": 1, "segments": "all", "email": "Email", "source": source}
        export = export_of_task({"name": "new", **keys}, "source")
        dated = DatedSource.at(export.source, datetime.now(UTC), "UTC", filesystem)
        tables = tuple(sorted(dated.tables()))
    except CustomerMatchError as error:
        return Lake(fault=str(error))
    if not tables:
        return Lake(fault=f"There is no table in {export.source.root}.")
    for name in (table,) if table in tables else tables:
        try:
            found = dated.open(name, None, "`segments`").columns()
        except CustomerMatchError:
            continue
        return Lake(tables, {column: _kind(kind) for column, kind in found.items()})
    return Lake(tables)


def _kind(kind: Any) -> str:
    import pyarrow as pa  # noqa: PLC0415 - as above

    from customer_match.tables.columns import is_text  # noqa: PLC0415

    if is_text(kind):
        return "text"
    return "true/false" if pa.types.is_boolean(kind) else "number" if pa.types.is_integer(kind) else "other"
