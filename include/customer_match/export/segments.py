"""The section `segments`: which tables are exported, and the keys that identify them across runs."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from customer_match.export.base import Faults, KeyPath, Section
from customer_match.export.changes import TableChanges
from customer_match.export.paths import TablePath
from customer_match.export.people import Consent, EmailOrColumns
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
"""What to do with an audience whose table has vanished, or whose end was ordered by whoever started the run."""


class Selection(Section):
    """One item of `segments`: a table by its name, or several by a pattern."""

    table: Text = Field(
        description="Name of the table: its folder or file below the source's root. With `*`, `?` or `[...]` it "
        "is a pattern that takes every table it matches.",
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
        description="Id of an existing audience to write to (`customer-match audiences` lists all). It keeps its "
        "name. If no export created it, `adopt: true` is required, and its members are replaced.",
        examples=[1234567890],
        json_schema_extra={"x-default": "found by name, or created"},
    )
    path: TablePath | None = Field(
        default=None,
        description="Path of the table, if it is not its name: relative to the source's root, or a URL. It may "
        "contain dates, such as `HighValue/{{ ds }}`.",
        examples=["newsletter/2026"],
        json_schema_extra={"x-default": "the table's name"},
    )
    changes: TableChanges = None
    email: EmailOrColumns | None = Field(
        default=None,
        description="Columns with the e-mail addresses of this segment, written like `email` of the export.",
        examples=["Email"],
        json_schema_extra={"x-default": "`email` of the export"},
    )
    consent: Consent | None = Field(
        default=None,
        description="Which profiles of this segment have consented, written like `consent` of the export.",
        examples=["{column: AdsConsent, allow: [true]}"],
        json_schema_extra={"x-default": "`consent` of the export"},
    )

    @model_validator(mode="after")
    def _fits_an_audience(self) -> Self:
        if self.is_pattern:
            fault = "applies to one table, but the pattern may take several. List the table by its name"
            own = [key for key in ("audience", "audience_id", "path") if getattr(self, key) is not None]
            if own:
                raise Faults([((key,), fault) for key in own])
        elif self.audience is None:
            check_audience_name(self.table)
        return self

    @property
    def is_pattern(self) -> bool:
        """Whether it is a pattern, which may take several tables."""
        return any(character in self.table for character in "*?[")

    def takes(self, table: str) -> bool:
        """Whether it takes a table of this name. Case matters."""
        return table == self.table or (self.is_pattern and fnmatchcase(table, self.table))

    def makes(self, segment: Segment) -> bool:
        """Whether a segment of a run comes from this item; if several items match, the first one counts."""
        named = segment.audience == (self.audience or self.table)
        return self.takes(segment.table) and (self.is_pattern or named)


class Segment(BaseModel):
    """One segment of a run.

    Attributes:
        table: Name of the table.
        audience: Name of its audience.
        path: Path of the table, relative to the source's root or a URL; None: found by its name.
        audience_id: Id of the audience to write to; None: found by name, or created.
        fault: Why its table's name prevents the export; None normally.
        ending: What to do with the audience instead of filling it; None normally.
        ordered: Whether whoever started the run ordered this ending; otherwise the table has vanished.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    audience: str
    audience_id: str | None = None
    path: str | None = None
    fault: str | None = None
    ending: Ending | None = None
    ordered: bool = False


def _table_as_selection(value: object) -> object:
    if value == "all":
        raise ValueError('cannot be an item of a list. Write `segments: all`, or "*" as a pattern')
    if not isinstance(value, str | dict | Selection):
        fault = "must be a mapping or the name of a table, in quotes if it looks like a number"
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
                f"has the same audience as segments[{same}], '{name}' (case does not matter). Remove one of them, "
                "or give one another `audience`"
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
            f"is also the id of segments[{ids.index(id_)}]. Give each segment its own audience",
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


# --- Keys of segments across runs, independent of their audiences' names -----------------------------------


def segment_key(export: str, segment: str) -> str:
    """The key of a segment, such as `autumn/gold-1a2b3c4d5e6f`. It stays the same when the audience is renamed.

    Args:
        export: The export's name. It is a DAG id and contains no slash.
        segment: The segment's identity, normally its table's name. It is converted to safe characters.
    """
    return f"{export}/{slug(segment)}"


def export_of(key: str) -> str:
    """The name of the export to which the segment of a key belongs."""
    return key.partition("/")[0]


def identity(selections: Sequence[Selection], table: str, audience: str) -> str:
    """What distinguishes a segment from the export's others, independent of its audience's name: its table.

    If the file names the same table several times, it is the table and the audience.
    """
    alone = sum(selection.table == table for selection in selections) < 2  # noqa: PLR2004 (as it says)
    return table if alone else f"{table} → {audience}"
