"""What a new export can find in the lake: tables with their rows, and the columns of one of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from customer_match.errors import CustomerMatchError
from customer_match.wording import did_you_mean, listed

if TYPE_CHECKING:
    from customer_match.export.model import Export
    from customer_match.profiles.dated_source import DatedSource

__all__ = ["Lake", "addresses_in", "look_at", "rows_of"]

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
    def texts(self) -> list[str]:
        """The columns of text."""
        return [name for name, kind in self.columns.items() if kind == "text"]

    @property
    def email(self) -> str | None:
        """The column that seems to hold the addresses, by its name."""
        alike = [name for name in self.texts if "mail" in name.casefold()]
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
    from customer_match.export.matching import segments_of  # noqa: PLC0415 - imports Airflow

    try:
        export, dated = _open(source, segments)
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


def rows_of(source: object, tables: Sequence[str], *, seconds: float = 20) -> dict[str, int | str]:
    """Count the rows of tables, as far as their metadata tell it.

    Args:
        source: As in an export file.
        tables: Their names.
        seconds: After this time, no further table is opened.

    Returns:
        The number of rows, or why a table cannot be read, by name. Tables whose rows are known only after reading, and
        those that were not opened, are left out.
    """
    began, found = time.monotonic(), dict[str, int | str]()
    _, dated = _open(source, "all")
    for name in tables:
        if time.monotonic() - began > seconds:
            break
        try:
            rows = dated.open(name, None, "`segments`").profiles()
        except CustomerMatchError as error:
            found[name] = str(error)
        else:
            found |= {} if rows is None else {name: rows}
    return found


def addresses_in(source: object, table: str, columns: Sequence[str]) -> dict[str, float]:
    """Read the first rows of a table, and tell which columns hold addresses. No value leaves this function.

    Args:
        source: As in an export file.
        table: The name of the table.
        columns: Columns of text, as the table spells them.

    Returns:
        For each column with a usable address: the share of the rows that have one (0 to 1).

    Raises:
        CustomerMatchError: The table cannot be read.
    """
    from customer_match.profiles.sampling import usable_shares  # noqa: PLC0415 - imports polars

    _, dated = _open(source, "all")
    shares = usable_shares(dated.open(table, None, "`segments`"), columns)
    return {name: share for name, share in shares.items() if share}


def _open(source: object, segments: str | Sequence[str]) -> tuple[Export, DatedSource]:
    """A source with today's dates, and an export of it.

    Raises:
        CustomerMatchError: It is not valid, or cannot be opened.
    """
    from airflow_microsoft_advertising.lake.filesystem import filesystem  # noqa: PLC0415 - imports Airflow
    from customer_match.export.loading import export_of_task  # noqa: PLC0415
    from customer_match.profiles.dated_source import DatedSource  # noqa: PLC0415

    keys = {"cid": 1, "aid": 1, "segments": segments, "email": "Email", "source": source}
    export = export_of_task({"name": "new", **keys}, "source")
    return export, DatedSource.at(export.source, datetime.now(UTC), "UTC", filesystem)


def _kind(kind: Any) -> str:
    import pyarrow as pa  # noqa: PLC0415 - as above

    from customer_match.tables.columns import is_text  # noqa: PLC0415

    if is_text(kind):
        return "text"
    return "true/false" if pa.types.is_boolean(kind) else "number" if pa.types.is_integer(kind) else "other"
