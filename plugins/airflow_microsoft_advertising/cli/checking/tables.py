"""Opens everything that a run of an export would read, without reading rows or writing to the workspace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_microsoft_advertising.run.validate import check_table, open_tables
from customer_match.errors import ConfigurationError, CustomerMatchError
from customer_match.export.matching import segments_of
from customer_match.wording import counted

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment

__all__ = ["Inspected", "Obstacle", "inspect_tables"]


@dataclass(frozen=True)
class Inspected:
    """A segment whose tables can be read.

    Attributes:
        segment: The segment.
        location: Location of its table.
        profiles: Number of rows; None if it is known only after reading.
        files: Number of data files.
        columns: The e-mail columns as the table spells them.
    """

    segment: Segment
    location: str
    profiles: int | None
    files: int
    columns: tuple[str, ...]

    def __str__(self) -> str:
        rows = "" if self.profiles is None else f"{counted(self.profiles, 'row')} in "
        return (
            f"segment {self.segment.audience!r}: {rows}{counted(self.files, 'file')}, e-mail "
            f"column {', '.join(self.columns)}"
        )

    def as_json(self) -> dict[str, Any]:
        """The facts as JSON values."""
        return {
            "segment": self.segment.table,
            "audience": self.segment.audience,
            "location": self.location,
            "profiles": self.profiles,
            "files": self.files,
            "columns": list(self.columns),
        }


@dataclass(frozen=True)
class Obstacle:
    """What would stop a run.

    Attributes:
        key: The key of the export file to look at; empty: that of the segment.
        message: What is wrong and what to do.
        segment: The segment that it stops; None: all.
    """

    key: str
    message: str
    segment: Segment | None = None


def inspect_tables(run: ExportRun) -> Iterator[Inspected | Obstacle]:
    """Open the folders, tables, columns and conditions of an export."""
    try:
        tables = run.tables() if run.export.has_patterns else {}
    except CustomerMatchError as error:
        yield Obstacle(_key(error, "source"), str(error))
        return
    segments = segments_of(run.export, tables)
    if not segments:
        patterns = ", ".join(selection.table for selection in run.export.segments)
        message = f"No table in {run.source.root} matches {patterns}. Correct `segments` or `source`."
        yield Obstacle("segments", message)
    for segment in segments:
        yield _inspect(run, segment)


def _inspect(run: ExportRun, segment: Segment) -> Inspected | Obstacle:
    try:
        rows = open_tables(run, segment)
        findings = [
            finding for table in rows.tables for finding in check_table(run, segment, table) if finding
        ]
    except CustomerMatchError as error:
        return Obstacle(_key(error, ""), str(error), segment)
    if findings:
        return Obstacle("", " ".join(one.words for one in findings), segment)
    return Inspected(
        segment,
        rows.tables[0].location,
        rows.profiles(),
        sum(len(table.files) for table in rows.tables),
        rows.reading.emails,
    )


def _key(error: CustomerMatchError, default: str) -> str:
    return (error.key if isinstance(error, ConfigurationError) else "") or default
