"""The section `segments`: which tables are exported, and what each is called across runs."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.changes import Changes
from customer_match.export.paths import TablePath
from customer_match.export.values import (
    MAX_AUDIENCE_NAME,
    AudienceName,
    ListId,
    Text,
    check_audience_name,
    comparable,
    not_empty,
)
from customer_match.safe_names import slug

__all__ = ["Ending", "Segment", "Selection", "Selections", "export_of", "identity", "segment_key"]


Ending = Literal["empty", "delete"]
"""What becomes of an audience whose table is gone for good."""


class Selection(Section):
    """One item of `segments`: a table by its name, or several by a pattern."""

    table: Text = Field(
        description="Name of the table: of its folder or file below the source's root. With `*`, `?` or "
        "`[...]` a pattern that takes every table it fits.",
        examples=["HighValue"],
    )
    audience: AudienceName | None = Field(
        default=None,
        description=f"Name of the audience at Microsoft Advertising, at most {MAX_AUDIENCE_NAME} characters.",
        examples=["High value customers"],
        json_schema_extra={"x-default": "the table's name"},
    )
    audience_id: ListId | None = Field(
        default=None,
        description="Id of the very list to write to, where its name does not tell or it exists already "
        "(`customer-match audiences` lists all); it keeps its name. One that no export created needs `adopt: true`, "
        "and its members are replaced.",
        examples=[1234567890],
        json_schema_extra={"x-default": "found by name, or created"},
    )
    path: TablePath | None = Field(
        default=None,
        description="Where the table is, if not under its name: relative to the source's root, or a URL. May hold "
        "dates (below): `HighValue/{{ ds }}`.",
        examples=["newsletter/2026"],
        json_schema_extra={"x-default": "the table's name"},
    )
    changes: Changes = Field(
        default=None,
        description="Whether this table is a log of changes, written like that of `source`.",
        examples=["{key: Id, order: [Version], deleted: {column: Op, values: [D]}}", "none"],
        json_schema_extra={"x-default": "as `changes` of its source"},
    )

    @model_validator(mode="after")
    def _fits_an_audience(self) -> Self:
        if self.is_pattern:
            fault = "is for one table, but the pattern may take several. List that table by its name"
            own = [key for key in ("audience", "audience_id", "path") if getattr(self, key) is not None]
            if own:
                raise Faults([((key,), fault) for key in own])
        elif self.audience is None:
            check_audience_name(self.table)
        return self

    @property
    def is_pattern(self) -> bool:
        """Whether it may take several tables."""
        return any(character in self.table for character in "*?[")

    def takes(self, table: str) -> bool:
        """Whether a table of this name belongs to it. Upper and lower case differ."""
        return table == self.table or (self.is_pattern and fnmatchcase(table, self.table))

    def makes(self, segment: Segment) -> bool:
        """Whether a segment of a run is of it; of several that may be, the first one."""
        named = segment.audience == (self.audience or self.table)
        return self.takes(segment.table) and (self.is_pattern or named)


class Segment(BaseModel):
    """One segment of a run.

    Attributes:
        table: Name of the table.
        audience: Name of its audience.
        path: Where the table is, relative to the source's root or a URL; None: where its name is found.
        audience_id: Id of the very list to write to; None: found by name, or created.
        fault: Why it cannot be exported, for what its table is called; None normally.
        ending: What becomes of the audience, because the table has vanished; None normally.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    audience: str
    audience_id: str | None = None
    path: str | None = None
    fault: str | None = None
    ending: Ending | None = None


def _table_as_selection(value: object) -> object:
    if value == "all":
        raise ValueError('means nothing in a list. Write `segments: all`, or "*" as a pattern')
    if not isinstance(value, str | dict | Selection):
        fault = "must be a table's name, in quotes if it looks like a number, or a mapping"
        raise ValueError(fault)  # noqa: TRY004 - pydantic takes no TypeError for a fault
    return {"table": value} if isinstance(value, str) else value


def _one_as_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return ["*"] if value.strip() == "all" else [value]


def _check_audiences(selections: tuple[Selection, ...]) -> tuple[Selection, ...]:
    first: dict[str, int] = {}
    faults: list[tuple[KeyPath, str]] = []
    for index, selection in enumerate(selections):
        name = selection.audience or selection.table
        same = index if selection.is_pattern else first.setdefault(comparable(name), index)
        if same != index:
            fault = (
                f"goes to the same audience as segments[{same}], '{name}' (upper and lower case do not "
                "count). Remove one, or give one another `audience`"
            )
            faults.append(((index, "audience") if selection.audience else (index,), fault))
    faults += _faults_of_ids(selections)
    if faults:
        raise Faults(faults)
    return selections


def _faults_of_ids(selections: tuple[Selection, ...]) -> list[tuple[KeyPath, str]]:
    ids = [selection.audience_id for selection in selections]
    return [
        (
            (index, "audience_id"),
            f"is that of segments[{ids.index(id_)}] too. Give each segment a list of its own",
        )
        for index, id_ in enumerate(ids)
        if id_ is not None and ids.index(id_) != index
    ]


Selections = Annotated[
    tuple[
        Annotated[Selection, BeforeValidator(_table_as_selection, json_schema_input_type=str | Selection)],
        ...,
    ],
    BeforeValidator(_one_as_list, json_schema_input_type=str | list[str | Selection]),
    AfterValidator(not_empty),
    AfterValidator(_check_audiences),
]


# --- What a segment is called across runs, whatever its audience is called ---------------------------------


def segment_key(export: str, segment: str) -> str:
    """The key of a segment, as in `autumn/gold-1a2b3c4d5e6f`: it stays the same while the audience is renamed.

    Args:
        export: The export's name, which is a DAG id and has no slash in it.
        segment: The segment's identity, which is normally its table's name. It is made safe.
    """
    return f"{export}/{slug(segment)}"


def export_of(key: str) -> str:
    """The name of the export to which the segment of a key belongs."""
    return key.partition("/")[0]


def identity(selections: Sequence[Selection], table: str, audience: str) -> str:
    """What distinguishes a segment from the export's others, whatever its audience is called: its table.

    Only where the file names the same table several times it is table and audience.
    """
    alone = sum(selection.table == table for selection in selections) < 2  # noqa: PLR2004 (as it says)
    return table if alone else f"{table} → {audience}"
