"""What a new export can find in the lake: tables, and the columns of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from airflow_microsoft_advertising.cli.scaffold.answers import listed
from customer_match.errors import CustomerMatchError
from customer_match.wording import did_you_mean

__all__ = ["Lake", "look_at"]

_CONSENT: Final = ("consent", "optin", "opt_in", "opt-in", "permission")


@dataclass(frozen=True)
class Lake:
    """What was found.

    Attributes:
        tables: Names of the tables.
        opened: The first table to export that can be opened.
        columns: Its columns, and whether each holds text, numbers or true/false.
        fault: Why nothing was found; empty if something was.
    """

    tables: tuple[str, ...] = ()
    opened: str = ""
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

    def fault_of_tables(self, names: str | Sequence[str]) -> str:
        """Which names are neither `all`, nor patterns, nor tables; empty if there are none or no table is known."""
        given = [names] if isinstance(names, str) else names
        unknown = [one for one in given if one != "all" and not set("*?[") & set(one)]
        unknown = [one for one in unknown if self.tables and one not in self.tables]
        if not unknown:
            return ""
        hint = did_you_mean(unknown[0], self.tables)
        return f"There is no table {unknown[0]!r}.{hint} Tables found: {listed(self.tables)}."

    def fault_of_column(self, name: str) -> str:
        """Say that the table has no such column; empty if it has it or no column is known."""
        from customer_match.tables.columns import list_names, name_key, similar_name  # noqa: PLC0415 - imports Arrow

        if not self.columns or name_key(name) in map(name_key, self.columns):
            return ""
        near = similar_name(name, self.columns)
        hint = f" Did you mean {near!r}?" if near else ""
        return f"The table {self.opened!r} has no column {name!r}.{hint} It has: {list_names(self.columns)}."

    def kind_of(self, column: str) -> str:
        """What a column holds; empty if that is not known."""
        from customer_match.tables.columns import name_key  # noqa: PLC0415 - as above

        return {name_key(name): kind for name, kind in self.columns.items()}.get(name_key(column), "")


def look_at(source: object, segments: str | Sequence[str] = "all") -> Lake:
    """Look at a source, as a run would.

    Args:
        source: As in an export file.
        segments: The segments, as in an export file.
    """
    from airflow_microsoft_advertising.lake.filesystem import filesystem  # noqa: PLC0415 - imports Airflow
    from customer_match.export.loading import export_of_task  # noqa: PLC0415
    from customer_match.export.matching import segments_of  # noqa: PLC0415
    from customer_match.profiles.dated_source import DatedSource  # noqa: PLC0415

    try:
        keys = {"cid": 1, "aid": 1, "segments": segments, "email": "Email", "source": source}
        export = export_of_task({"name": "new", **keys}, "source")
        dated = DatedSource.at(export.source, datetime.now(UTC), "UTC", filesystem)
        tables = tuple(sorted(dated.tables()))
    except CustomerMatchError as error:
        return Lake(fault=str(error))
    if not tables:
        return Lake(fault=f"There is no table in {export.source.root}.")
    for name in [one.table for one in segments_of(export, tables)]:
        try:
            found = dated.open(name, None, "`segments`").columns()
        except CustomerMatchError:
            continue
        return Lake(tables, name, {column: _kind(kind) for column, kind in found.items()})
    return Lake(tables)


def _kind(kind: Any) -> str:
    import pyarrow as pa  # noqa: PLC0415 - as above

    from customer_match.tables.columns import is_text  # noqa: PLC0415

    if is_text(kind):
        return "text"
    return "true/false" if pa.types.is_boolean(kind) else "number" if pa.types.is_integer(kind) else "other"
