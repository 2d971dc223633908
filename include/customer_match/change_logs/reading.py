"""Detect whether a table is a change log, and which of its columns decide what counts.

The export file says so (`changes`). Otherwise the columns decide: tables that Synapse Link for Dataverse writes are
read as its documentation says; tables that look like another log are rejected until the export file says how to read
them. If all their rows counted, people who left or withdrew consent would come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from customer_match.change_logs.detection import LOG_SIGNATURES, LogSignature
from customer_match.conditions.value_filter import value_filter
from customer_match.errors import ConfigurationError
from customer_match.export.changes import ChangeLog, Rows, Ties
from customer_match.tables.cdm.incremental import IncrementalTable
from customer_match.tables.columns import find_column, find_id_column, is_text, name_key
from customer_match.tables.table import Table

__all__ = ["LogReading", "Mask", "RowSelector", "find_log_reading"]

Mask = npt.NDArray[np.bool_]

_TRUE: Final = ("true", "1", "yes", "y", "t")
_FALSE: Final = ("false", "0", "no", "n", "f", "")
_SYNAPSE: Final = ("versionnumber", "SinkModifiedOn")
"""Documented (export-data-lake-faq): both columns define the newest row. A retry of Synapse Link writes the same
version again; only SinkModifiedOn distinguishes the two."""


class RowSelector(Protocol):
    """Selects some rows of a log, such as those that mark a deletion."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""

    def select(self, batch: pa.RecordBatch) -> Mask:
        """Return which rows of a batch are selected.

        Raises:
            ConfigurationError: A value is neither true nor false.
        """


@dataclass(frozen=True)
class LogReading:
    """How a change log is read; column names are spelled as in the table.

    Attributes:
        key: Columns with the id of the changed record; empty: each row is the only one of its id.
        order: Columns that define which row is newer, the most significant first; empty: no id may have several rows.
        deleted: Which rows mark a deletion; None: none do.
        ignored: Which rows do not describe the current state; None: none.
        ties: What to assume if the order does not decide whether a deletion was last.
        folds_case: Whether ids that differ only in case are equal.
    """

    key: tuple[str, ...]
    order: tuple[str, ...]
    deleted: RowSelector | None
    ignored: RowSelector | None = None
    ties: Ties = "deleted"
    folds_case: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns needed to decide which rows count, without duplicates."""
        selected = [
            name for selector in (self.deleted, self.ignored) if selector for name in selector.columns
        ]
        return tuple(dict.fromkeys((*self.key, *self.order, *selected)))


def find_log_reading(changes: ChangeLog | None, table: Table) -> LogReading | None:
    """Return how a table is read as a change log; None if it is not one.

    Args:
        changes: What the export file says; None: nothing.
        table: The table.

    Raises:
        ConfigurationError: It looks like a log that cannot be read without a declaration, or lacks columns.
    """
    if changes is not None:
        return None if changes.is_none else _from_export(changes, table)
    columns = table.columns()
    reading = _detect_dataverse(columns, table.location) or _detect_salesforce(columns, table.location)
    if reading and (reading.key or not isinstance(table, IncrementalTable)):
        return reading
    for signature in LOG_SIGNATURES:
        if signature.fits(columns, table.location):
            raise _undeclared_error(signature, table.location)
    if isinstance(table, IncrementalTable):
        raise ConfigurationError(
            f"{table.location} is a change log in incremental folders, but it lacks the columns by which Synapse Link "
            "marks the rows that count (Id, SinkModifiedOn or versionnumber, IsDelete). Declare under `changes`, "
            "beside the table or its source in the export file, how to read it: `changes: {key: …, order: […], "
            "deleted: …}`."
        )
    return None


def _from_export(changes: ChangeLog, table: Table) -> LogReading:
    columns = table.columns()
    key = tuple(find_id_column(columns, name, "changes.key") for name in changes.key)
    order = tuple(_order_column(columns, name) for name in changes.order)
    return LogReading(
        key,
        order,
        deleted=_row_selector(changes.deleted, columns, table.location, "deleted"),
        ignored=_row_selector(changes.ignored, columns, table.location, "ignored"),
        ties=changes.ties,
    )


def _order_column(columns: Mapping[str, pa.DataType], wanted: str) -> str:
    from customer_match.change_logs.order import may_order  # noqa: PLC0415 (polars: where it is needed)

    name = find_column(columns, wanted, "changes.order")
    if may_order(columns[name]):
        return name
    raise ConfigurationError(
        f"The column {name!r} holds {columns[name]}, which cannot show which row is newer. Name a column of numbers, "
        "times, bytes or text in `changes.order` of the export file."
    )


# --- Deleted rows ---------------------------------------------------------------------------------------


def _row_selector(
    rows: Rows | None, columns: Mapping[str, pa.DataType], where: str, key: str
) -> RowSelector | None:
    if rows is None:
        return None
    if rows.where is not None:
        from customer_match.conditions.row_filter import row_filter  # noqa: PLC0415 (polars: where it is needed)

        condition = row_filter(rows.where, columns, f"changes.{key}.where")
        return _FilteredRows(condition.columns, condition)
    assert rows.column is not None  # noqa: S101 (the model's own rule)
    if rows.values is None:
        return _flagged_rows(columns, rows.column, where, key)
    keys = (f"changes.{key}.column", f"changes.{key}.values")
    values = value_filter(rows.column, rows.values, columns, keys=keys, tells=f"which rows are {key}")
    return _FilteredRows((values.column,), values)


class _Filter(Protocol):
    def keep(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return for which rows of a batch the filter holds."""


@dataclass(frozen=True)
class _FilteredRows:
    """Rows selected by a condition, or by the values of a column."""

    columns: tuple[str, ...]
    filter: _Filter

    def select(self, batch: pa.RecordBatch) -> Mask:
        return _fill_null(self.filter.keep(batch))


@dataclass(frozen=True)
class _FlaggedRows:
    """Rows selected by a column that is true or false, in any common spelling; null and empty text are false."""

    column: str
    where: str
    key: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def select(self, batch: pa.RecordBatch) -> Mask:
        import polars as pl  # noqa: PLC0415 (where it is needed)

        column = batch.column(self.column)
        if pa.types.is_boolean(column.type):
            return _fill_null(column)
        texts = pl.Series(column).cast(pl.String).str.strip_chars().str.to_lowercase().fill_null("")
        if not is_text(column.type):
            texts = texts.str.replace(r"\.0*$", "")
        marked = texts.is_in(_TRUE)
        if not (marked | texts.is_in(_FALSE)).all():
            raise ConfigurationError(
                f"The column {self.column!r} of {self.where} must show which rows are {self.key}, but one of its "
                "values is neither true nor false (1, 0, yes, no). List the values that mean true as "
                f"`changes.{self.key}.values` in the export file, beside the table or its source; or write `changes: "
                "none` if the column has another meaning."
            )
        return marked.to_numpy()


def _fill_null(values: pa.BooleanArray) -> Mask:
    """Treat null as false."""
    import polars as pl  # noqa: PLC0415 (where it is needed; `fill_null` of pyarrow would load pandas)

    return pl.Series(values).cast(pl.Boolean).fill_null(value=False).to_numpy()


def _flagged_rows(columns: Mapping[str, pa.DataType], wanted: str, where: str, key: str) -> _FlaggedRows:
    name = find_column(columns, wanted, f"changes.{key}")
    kind = columns[name]
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_text(kind):
        return _FlaggedRows(name, where, key)
    raise ConfigurationError(
        f"The column {name!r} holds {kind}, which is neither true nor false. Define which rows are {key} with "
        f"`changes.{key}.values` or `changes.{key}.where` in the export file."
    )


# --- Detection by columns ---------------------------------------------------------------------------------


def _detect_dataverse(columns: Mapping[str, pa.DataType], where: str) -> LogReading | None:
    """Detect tables of Synapse Link for Dataverse, in append-only files and as Delta Lake.

    `IsDelete` is true in a row that marks a deletion (documented; the FAQ also calls it isDeleted). A table that
    Synapse Link updates in place is read the same way, since its ids have one row each.
    """
    # Of two names that match, use the first: `Id`, not the table's own column `ID`.
    names = {name_key(name): name for name in reversed(list(columns))}
    sink = names.get("sinkmodifiedon")
    flag = names.get("isdelete") or (names.get("isdeleted") if sink else None)
    key = names.get("id")
    if flag is None and not (key and (sink or "versionnumber" in names)):
        return None
    order = tuple(_order_column(columns, name) for name in _SYNAPSE if name_key(name) in names)
    if order and key is None:
        raise ConfigurationError(
            f"{where} looks like a change log written by Synapse Link for Dataverse (it has {flag!r} and "
            f"{order[0]!r}), but it lacks the column 'Id', which shows which rows belong together. Declare under "
            "`changes`, beside the table or its source in the export file, how to read it: `changes: {key: …, order: "
            f"[{', '.join(order)}], deleted: {flag}}}`; or `changes: none` if each row counts."
        )
    deleted = _flagged_rows(columns, flag, where, "deleted") if flag else None
    ids = (find_id_column(columns, key, "changes.key"),) if key else ()
    return LogReading(ids, order, deleted, folds_case=True)  # ids of Dataverse are GUIDs


def _detect_salesforce(columns: Mapping[str, pa.DataType], where: str) -> LogReading | None:
    """Detect Salesforce objects, with one row a record; in records of the recycle bin `IsDeleted` is true."""
    names = {name_key(name): name for name in columns}
    if not {"isdeleted", "systemmodstamp"} <= names.keys():
        return None
    return LogReading((), (), _flagged_rows(columns, names["isdeleted"], where, "deleted"))


def _undeclared_error(signature: LogSignature, where: str) -> ConfigurationError:
    seen = _join_names(signature.columns)
    return ConfigurationError(
        f"{where} looks like a change log: it has {seen}, as {signature.whose} writes it. In such a table not every "
        "row counts: older ones would bring back people who left or withdrew consent. Declare under `changes`, beside "
        f"the table or its source in the export file, how to read it: `changes: {signature.example}`; or `changes: "
        "none` if each row counts."
    )


def _join_names(names: Iterable[str]) -> str:
    return " and ".join(map(repr, names))
