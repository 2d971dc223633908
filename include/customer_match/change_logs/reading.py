"""Whether a table is a log of changes, and which of its columns tell what counts.

The export file says it (`changes`). Where it does not, the columns tell: what Synapse Link for Dataverse writes is
read as its documentation says, and what looks like another log is refused until the export file says how it is read,
since with all of its rows, people who left or withdrew consent would come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from customer_match.change_logs.detection import SIGNS, Sign
from customer_match.conditions.value_filter import value_filter
from customer_match.errors import ConfigurationError
from customer_match.export.changes import ChangeLog, Rows, Ties
from customer_match.tables import Table
from customer_match.tables.cdm import IncrementalTable
from customer_match.tables.columns import find_column, find_id_column, is_text, name_key

__all__ = ["LogReading", "Marks", "Mask", "log_reading"]

Mask = npt.NDArray[np.bool_]

_TRUE: Final = ("true", "1", "yes", "y", "t")
_FALSE: Final = ("false", "0", "no", "n", "f", "")
_SYNAPSE: Final = ("versionnumber", "SinkModifiedOn")
"""Documented (export-data-lake-faq): the newest row is told by both. A retry of Synapse Link writes the same version
again, which only the latter tells apart."""


class Marks(Protocol):
    """Some rows of a log, such as those that say that something was deleted."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that tell which."""

    def marks(self, batch: pa.RecordBatch) -> Mask:
        """Which rows of a batch are among them.

        Raises:
            ConfigurationError: A value can mean neither.
        """


@dataclass(frozen=True)
class LogReading:
    """Which columns of a log are read, as the table spells them.

    Attributes:
        key: Those with the id of what was changed; none: each row is the only one of its id.
        order: Those that tell which row is newer, the one that decides first; none: no id may have several rows.
        deleted: Which rows say that something was deleted; None: none.
        ignored: Which rows do not tell what is there now; None: none.
        ties: What holds where nothing tells whether what is deleted was there last.
        folds_case: Whether ids that differ in case alone are one and the same.
    """

    key: tuple[str, ...]
    order: tuple[str, ...]
    deleted: Marks | None
    ignored: Marks | None = None
    ties: Ties = "deleted"
    folds_case: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All that must be read to know which rows count, each once."""
        marks = [name for marks in (self.deleted, self.ignored) if marks for name in marks.columns]
        return tuple(dict.fromkeys((*self.key, *self.order, *marks)))


def log_reading(changes: ChangeLog | None, table: Table) -> LogReading | None:
    """How a table is read as a log of changes; None if it is none.

    Args:
        changes: What the export file says; None: nothing.
        table: The table.

    Raises:
        ConfigurationError: It looks like a log that nobody can read without being told how, or lacks the columns.
    """
    if changes is not None:
        return None if changes.is_none else _as_told(changes, table)
    columns = table.columns()
    reading = _of_dataverse(columns, table.location) or _of_salesforce(columns, table.location)
    if reading and (reading.key or not isinstance(table, IncrementalTable)):
        return reading
    for sign in SIGNS:
        if sign.fits(columns, table.location):
            raise _undeclared(sign, table.location)
    if isinstance(table, IncrementalTable):
        raise ConfigurationError(
            f"{table.location} is a log of changes, in incremental folders, but lacks the columns by which Synapse "
            "Link tells which of its rows count (Id, SinkModifiedOn or versionnumber, IsDelete). Say under `changes`, "
            "beside the table or its source in the export file, how it is read: `changes: {key: …, order: […], "
            "deleted: …}`."
        )
    return None


def _as_told(changes: ChangeLog, table: Table) -> LogReading:
    columns = table.columns()
    key = tuple(find_id_column(columns, name, "changes.key") for name in changes.key)
    order = tuple(_order_column(columns, name) for name in changes.order)
    return LogReading(
        key,
        order,
        deleted=_marks(changes.deleted, columns, table.location, "deleted"),
        ignored=_marks(changes.ignored, columns, table.location, "ignored"),
        ties=changes.ties,
    )


def _order_column(columns: Mapping[str, pa.DataType], wanted: str) -> str:
    from customer_match.change_logs.order import may_order  # noqa: PLC0415 (polars: where it is needed)

    name = find_column(columns, wanted, "changes.order")
    if may_order(columns[name]):
        return name
    raise ConfigurationError(
        f"The column {name!r} holds {columns[name]}, which cannot tell which row is newer. Name a column of numbers, "
        "times, bytes or text in `changes.order` of the export file."
    )


# --- What is deleted ---------------------------------------------------------------------------------------


def _marks(rows: Rows | None, columns: Mapping[str, pa.DataType], where: str, key: str) -> Marks | None:
    if rows is None:
        return None
    if rows.where is not None:
        from customer_match.conditions.row_filter import row_filter  # noqa: PLC0415 (polars: where it is needed)

        condition = row_filter(rows.where, columns, f"changes.{key}.where")
        return _Judged(condition.columns, condition)
    assert rows.column is not None  # noqa: S101 (the model's own rule)
    if rows.values is None:
        return _flag(columns, rows.column, where, key)
    keys = (f"changes.{key}.column", f"changes.{key}.values")
    values = value_filter(rows.column, rows.values, columns, keys=keys, tells=f"which rows are {key}")
    return _Judged((values.column,), values)


class _Filter(Protocol):
    def keep(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows of a batch it holds for."""


@dataclass(frozen=True)
class _Judged:
    """By a condition, or by values of a column."""

    columns: tuple[str, ...]
    filter: _Filter

    def marks(self, batch: pa.RecordBatch) -> Mask:
        return _filled(self.filter.keep(batch))


@dataclass(frozen=True)
class _Flag:
    """By a column that is true or false, in any of the ways to write that; nothing is false."""

    column: str
    where: str
    key: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def marks(self, batch: pa.RecordBatch) -> Mask:
        import polars as pl  # noqa: PLC0415 (where it is needed)

        column = batch.column(self.column)
        if pa.types.is_boolean(column.type):
            return _filled(column)
        texts = pl.Series(column).cast(pl.String).str.strip_chars().str.to_lowercase().fill_null("")
        if not is_text(column.type):
            texts = texts.str.replace(r"\.0*$", "")
        marked = texts.is_in(_TRUE)
        if not (marked | texts.is_in(_FALSE)).all():
            raise ConfigurationError(
                f"The column {self.column!r} of {self.where} is to tell which rows are {self.key}, but one of its "
                "values is neither true nor false (1, 0, yes, no). List the values that mean it as "
                f"`changes.{self.key}.values` in the export file, beside the table or its source; or write `changes: "
                "none` if the column does not tell it."
            )
        return marked.to_numpy()


def _filled(marks: pa.BooleanArray) -> Mask:
    """Null is false."""
    import polars as pl  # noqa: PLC0415 (where it is needed; `fill_null` of pyarrow would load pandas)

    return pl.Series(marks).cast(pl.Boolean).fill_null(value=False).to_numpy()


def _flag(columns: Mapping[str, pa.DataType], wanted: str, where: str, key: str) -> _Flag:
    name = find_column(columns, wanted, f"changes.{key}")
    kind = columns[name]
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_text(kind):
        return _Flag(name, where, key)
    raise ConfigurationError(
        f"The column {name!r} holds {kind}, which is neither true nor false. Say which rows are {key} by "
        f"`changes.{key}.values` or `changes.{key}.where` in the export file."
    )


# --- What the columns tell ---------------------------------------------------------------------------------


def _of_dataverse(columns: Mapping[str, pa.DataType], where: str) -> LogReading | None:
    """As Synapse Link for Dataverse writes tables, in files that are only appended to, and as Delta Lake.

    `IsDelete` is true in a row that says that another one was deleted (documented; the FAQ also calls it isDeleted).
    A table that Synapse Link updates in place is read the same way, since its ids have one row each.
    """
    # Of two names that are alike the first one: `Id`, not a column `ID` of the table's own.
    names = {name_key(name): name for name in reversed(list(columns))}
    sink = names.get("sinkmodifiedon")
    flag = names.get("isdelete") or (names.get("isdeleted") if sink else None)
    key = names.get("id")
    if flag is None and not (key and (sink or "versionnumber" in names)):
        return None
    order = tuple(_order_column(columns, name) for name in _SYNAPSE if name_key(name) in names)
    if order and key is None:
        raise ConfigurationError(
            f"{where} looks like a log of changes that Synapse Link for Dataverse wrote (it has {flag!r} and "
            f"{order[0]!r}), but it lacks the column 'Id', which tells which rows are of one thing. Say under "
            "`changes`, beside the table or its source in the export file, how it is read: `changes: {key: …, order: "
            f"[{', '.join(order)}], deleted: {flag}}}`; or `changes: none` if each row counts."
        )
    deleted = _flag(columns, flag, where, "deleted") if flag else None
    ids = (find_id_column(columns, key, "changes.key"),) if key else ()
    return LogReading(ids, order, deleted, folds_case=True)  # ids of Dataverse are GUIDs


def _of_salesforce(columns: Mapping[str, pa.DataType], where: str) -> LogReading | None:
    """As Salesforce hands out its objects, one row a record; those in the recycle bin have a true `IsDeleted`."""
    names = {name_key(name): name for name in columns}
    if not {"isdeleted", "systemmodstamp"} <= names.keys():
        return None
    return LogReading((), (), _flag(columns, names["isdeleted"], where, "deleted"))


def _undeclared(sign: Sign, where: str) -> ConfigurationError:
    seen = _listed(sign.columns)
    return ConfigurationError(
        f"{where} looks like a log of changes: it has {seen}, as {sign.whose} writes it. Of such a table not every row "
        "counts: older ones would bring back people who left or withdrew consent. Say under `changes`, beside the "
        f"table or its source in the export file, how it is read: `changes: {sign.example}`; or `changes: none` if "
        "each row counts."
    )


def _listed(names: Iterable[str]) -> str:
    return " and ".join(map(repr, names))
