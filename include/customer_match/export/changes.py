"""`changes`: what an export file says of tables that are logs of changes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.values import Allowed, Column, Columns, Condition

__all__ = ["ChangeLog", "Changes", "Rows", "Ties"]

Ties = Literal["refuse", "deleted", "kept"]
"""What holds where nothing tells whether what is deleted was there last."""


class Rows(Section):
    """Some rows of a log."""

    column: Column | None = Field(
        default=None,
        description="Name of the column that tells it.",
        examples=["IsDelete"],
    )
    values: Allowed | None = Field(
        default=None,
        description="Its values in these rows; case does not matter.",
        examples=["[D, delete]"],
        json_schema_extra={
            "x-default": "true, 1, yes; false, 0, no and nothing then mean other rows, and all else is an error"
        },
    )
    where: Condition | None = Field(
        default=None,
        description="Instead of `column`: a condition in SQL, written like `where` of the export, that is true for "
        "these rows.",
        examples=["DeletedAt IS NOT NULL"],
    )

    @model_validator(mode="after")
    def _is_told_in_one_way(self) -> Self:
        if (self.column is None) == (self.where is None):
            raise Faults([((), "needs either the `column` that tells it or `where`, a condition")])
        if self.values is not None and self.column is None:
            raise Faults([(("values",), "are those of a `column`, and none is named")])
        return self


def _column_as_rows(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


RowsOrColumn = Annotated[Rows, BeforeValidator(_column_as_rows, json_schema_input_type=str | Rows)]
"""Rows as the file may have them: a mapping, or the column alone."""


class ChangeLog(Section):
    """How a log of changes is read; nothing given: the table is none."""

    key: Columns = Field(
        default=(),
        description="Name of the column, or of several, with the id of what was changed: of the rows with one id the "
        "newest counts.",
        examples=["Id", "[systemId, Company]"],
        json_schema_extra={"x-default": "none: each row is the only one of its id"},
    )
    order: Columns = Field(
        default=(),
        description="Name of the column, or of several, that tell which row is newer (numbers, times, or text of one "
        "length); the first one decides, the others where it is the same or has no value.",
        examples=["[versionnumber, SinkModifiedOn]"],
        json_schema_extra={"x-default": "none; needed with `key`"},
    )
    deleted: RowsOrColumn | None = Field(
        default=None,
        description="Which rows mean that something was deleted: the column that is true for them, or a mapping. "
        "What is deleted does not count.",
        examples=["IsDelete", "{column: Op, values: [D]}"],
    )
    ignored: RowsOrColumn | None = Field(
        default=None,
        description="Rows that do not tell what is there now, such as the state before an update, written like "
        "`deleted`.",
        examples=["{column: _change_type, values: [update_preimage]}"],
    )
    ties: Ties = Field(
        default="refuse",
        description="What holds where of the newest rows of one id, alike in all columns of `order`, some mean deleted "
        "and some do not: `refuse` stops, `deleted` is that it is deleted, `kept` that it is not.",
        examples=["kept"],
    )

    @model_validator(mode="after")
    def _tells_which_is_newest(self) -> Self:
        faults: list[tuple[KeyPath, str]] = []
        if self.key and not self.order:
            faults.append(
                (("order",), "missing. Name the column that tells which row of a key is the newest")
            )
        if self.order and not self.key:
            faults.append((("key",), "missing. Name the column with the id that rows of one thing share"))
        if faults:
            raise Faults(faults)
        return self

    @property
    def is_none(self) -> bool:
        """Whether it says that the table is no log of changes."""
        return not self.key and self.deleted is None and self.ignored is None


def _read_spelling(value: object) -> object:
    """`none` and `false`: the table is no log; `auto`: its columns tell."""
    if value is False or (isinstance(value, str) and value.strip().lower() == "none"):
        return ChangeLog()
    if isinstance(value, str) and value.strip().lower() == "auto":
        return None
    if not isinstance(value, dict | ChangeLog | None):
        fault = "must be a mapping with `key`, `order` and `deleted`, or none where the table is no log of changes"
        raise ValueError(fault)  # noqa: TRY004 - pydantic takes no TypeError for a fault
    if value == {}:
        raise ValueError("says nothing. Write `changes: none` where the table is no log of changes")
    return value


Changes = Annotated[
    ChangeLog | None,
    BeforeValidator(_read_spelling, json_schema_input_type=Literal[False, "none", "auto"] | ChangeLog | None),
]
"""None: found out by the table's columns."""
