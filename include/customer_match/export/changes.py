"""The setting `changes`: how tables that are change logs are read."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.values import Allowed, Column, Columns, Condition

__all__ = ["ChangeLog", "Changes", "Rows", "TableChanges", "Ties"]

Ties = Literal["refuse", "deleted", "kept"]
"""What to do if the newest rows disagree on whether a record is deleted."""


class Rows(Section):
    """Rows of a change log, selected by a column or a condition."""

    column: Column | None = Field(
        default=None,
        description="Name of the column that marks these rows.",
        examples=["IsDelete"],
    )
    values: Allowed | None = Field(
        default=None,
        description="Values of the column in these rows; case does not matter.",
        examples=["[D, delete]"],
        json_schema_extra={
            "x-default": "true, 1 and yes; other rows then have false, 0, no or no value, and anything else is "
            "an error"
        },
    )
    where: Condition | None = Field(
        default=None,
        description="Condition in SQL that is true for these rows, instead of `column`; written like `where` of "
        "the export.",
        examples=["DeletedAt IS NOT NULL"],
    )

    @model_validator(mode="after")
    def _is_selected_in_one_way(self) -> Self:
        if (self.column is None) == (self.where is None):
            raise Faults([((), "must have either `column` or `where`, and only one of them")])
        if self.values is not None and self.column is None:
            raise Faults(
                [(("values",), "has no `column`. Name the column that has these values, or remove `values`")]
            )
        return self


def _column_as_rows(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


RowsOrColumn = Annotated[Rows, BeforeValidator(_column_as_rows, json_schema_input_type=str | Rows)]
"""Rows as written in the file: a mapping, or the column alone."""


class ChangeLog(Section):
    """How a change log is read. Without any key, the table is not a change log."""

    key: Columns = Field(
        default=(),
        description="Name of one or more columns with the id of the changed record. Of all rows with one id, "
        "only the newest counts.",
        examples=["Id", "[systemId, Company]"],
        json_schema_extra={"x-default": "none: each row has an id of its own"},
    )
    order: Columns = Field(
        default=(),
        description="Name of one or more columns that tell which row is newer: numbers, times, or text of one "
        "length. The first column decides; the next one is used where values are equal or empty.",
        examples=["[versionnumber, SinkModifiedOn]"],
        json_schema_extra={"x-default": "none; required with `key`"},
    )
    deleted: RowsOrColumn | None = Field(
        default=None,
        description="Rows that mark a record as deleted: a column that is true for them, or a mapping. Deleted "
        "records do not count.",
        examples=["IsDelete", "{column: Op, values: [D]}"],
    )
    ignored: RowsOrColumn | None = Field(
        default=None,
        description="Rows that do not show the current state, such as the state before an update; written like "
        "`deleted`.",
        examples=["{column: _change_type, values: [update_preimage]}"],
    )
    ties: Ties = Field(
        default="refuse",
        description="What to do if the newest rows of one id are equal in all columns of `order`, and only some "
        "of them mark it as deleted: `refuse` stops with an error, `deleted` treats the record as deleted, "
        "`kept` as not deleted.",
        examples=["kept"],
    )

    @model_validator(mode="after")
    def _has_key_and_order(self) -> Self:
        faults: list[tuple[KeyPath, str]] = []
        if self.key and not self.order:
            faults.append(
                (("order",), "missing. Name the column that tells which row of an id is the newest")
            )
        if self.order and not self.key:
            faults.append(
                (("key",), "missing. Name the column with the id that all rows of one record share")
            )
        if faults:
            raise Faults(faults)
        return self

    @property
    def is_none(self) -> bool:
        """Whether it states that the table is not a change log."""
        return not self.key and self.deleted is None and self.ignored is None


def _read_spelling(value: object) -> object:
    """Translate `none` and `false` (not a change log) and `auto` (detected from the columns)."""
    if value is False or (isinstance(value, str) and value.strip().lower() == "none"):
        return ChangeLog()
    if isinstance(value, str) and value.strip().lower() == "auto":
        return None
    if not isinstance(value, dict | ChangeLog | None):
        fault = (
            "must be a mapping with `key`, `order` and `deleted`, or `none` if the table is not a change log"
        )
        raise ValueError(fault)  # noqa: TRY004 - pydantic takes no TypeError for a fault
    if value == {}:
        raise ValueError("is empty. Write `changes: none` if the table is not a change log")
    return value


Changes = Annotated[
    ChangeLog | None,
    BeforeValidator(_read_spelling, json_schema_input_type=Literal[False, "none", "auto"] | ChangeLog | None),
]
"""None: detected from the table's columns."""

TableChanges = Annotated[
    Changes,
    Field(
        description="Whether and how this table is read as a change log; written like `source.changes`.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={"x-default": "`changes` of its source"},
    ),
]
"""The key `changes` of a single table."""
