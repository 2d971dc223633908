"""Tables that have vanished or appeared: passes them from the task that detects them to later tasks and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from unicodedata import normalize

from customer_match.export.matching import segments_of, taken_by_patterns
from customer_match.export.model import Export
from customer_match.export.segments import Ending, Segment
from customer_match.export.sources import Source
from customer_match.export.values import comparable
from customer_match.ledger.state import State
from customer_match.planning.known_tables import Changes, Remembered, to_end
from customer_match.profiles.dated_source import DatedSource
from customer_match.profiles.segment_rows import OpenTable, listed_segments, unreadable_lists
from customer_match.redaction import logger
from customer_match.runs.records import Delivered
from customer_match.tables.table import Table, TableMissing
from customer_match.workspace.workspace import Workspace

__all__ = ["TableChanges", "reason_to_wait"]

log = logger(__name__)


@dataclass(frozen=True)
class TableChanges:
    """The vanished and new tables of one run.

    Attributes:
        export: The export.
        workspace: Its workspace.
        folder: The run's folder in the workspace.
        interval_end: End of the run's data interval.
    """

    export: Export
    workspace: Workspace
    folder: str
    interval_end: datetime

    def detect(self, tables: Iterable[str], present: Sequence[Segment]) -> Changes:
        """Compare the tables with earlier runs; tables that the export names are checked with their segments."""
        return self._remembered.changes(tables, present) if self.export.has_patterns else Changes()

    def note(self, changes: Changes) -> None:
        """Write the changes for later steps and the report."""
        for one in changes.vanished:
            log.warning("The table %r of the audience %r no longer exists", one.table, one.audience)
        if self.export.has_patterns:
            self.workspace.write_bytes(self._path, changes.model_dump_json(indent=1).encode())

    def note_missed(self, changes: Changes, tables: Iterable[str]) -> None:
        """Record for later runs which tables this one did not find."""
        if self.export.has_patterns:
            self._remembered.note_missed(changes, tables, self.interval_end)

    def read(self) -> Changes | None:
        """Read the changes that were written; None if no task got that far."""
        if not self.workspace.exists(self._path):
            return None
        return Changes.model_validate_json(self.workspace.read_bytes(self._path))

    def endings(self, changes: Changes, *, at_once: bool) -> list[Segment]:
        """The segments of vanished tables whose audiences are to be emptied or deleted."""
        return to_end(self.export, changes.vanished, self.interval_end, at_once=at_once)

    def ordered_endings(self, ending: Ending) -> list[Segment]:
        """The segments of all audiences of the export: those that the file names, and those of delivered tables.

        The lake is not asked: the audiences of an export end even if its tables are gone.

        Args:
            ending: What whoever started the run ordered.
        """
        segments = segments_of(self.export)
        named = {comparable(segment.audience) for segment in segments}
        segments += [
            Segment(table=one.table, audience=one.audience)
            for one in self._remembered.all()
            if comparable(one.audience) not in named
        ]
        return [segment.model_copy(update={"ending": ending, "ordered": True}) for segment in segments]

    def are_known(self) -> Callable[[str], bool]:
        """A function that says whether a table was delivered before."""
        return self._remembered.are_known()

    def remember(self, segment: Segment) -> None:
        """Remember a table whose audience is about to receive members, so that its absence is detected later."""
        self._remembered.remember(segment.table, segment.audience)

    def forget(self, segment: Segment, delivered: Delivered, state: State) -> None:
        """Forget a table whose audience was emptied or deleted, unless the audience holds newer data.

        Args:
            segment: The segment of the table.
            delivered: The result of the upload.
            state: The ledger's present state.
        """
        is_newer = state.interval_end is not None and state.interval_end > self.interval_end
        if not (delivered.refused or is_newer):
            self._remembered.forget(segment.table)

    @property
    def _remembered(self) -> Remembered:
        return Remembered(self.workspace, self.export)

    @property
    def _path(self) -> str:
        return f"{self.folder}/discovery.json"


def reason_to_wait(
    export: Export, segment: Segment, source: DatedSource, tables: Mapping[str, str], open_table: OpenTable
) -> str | None:
    """Why the audience of a vanished table is not emptied or deleted in this run; None if it is.

    Args:
        export: The export by its present file.
        segment: The segment of the table.
        source: The source of the tables for the run's day.
        tables: The tables that exist now.
        open_table: Opens the table of memberships.
    """
    name = segment.table
    if export.vanished != segment.ending or not taken_by_patterns(export, [name]):
        return "The export file was changed since the run started: the next run uses the new file."
    if name in tables:
        return f"The table {name!r} exists again: the next run delivers it."
    if export.memberships is not None:
        return _unreadable(export, open_table) or _listed_today(export, source, name)
    if source.is_dated(None) and _is_there_today(export, source, name):
        return (
            f"The table {name!r} exists today: a run for a past date does not empty or delete its audience."
        )
    return _left_over(source, name)


def _unreadable(export: Export, open_table: OpenTable) -> str | None:
    """A message if the segments of some customers cannot be read; None if all can."""
    assert export.memberships is not None  # noqa: S101 (otherwise each segment is a table)
    unreadable = unreadable_lists(export, open_table)
    where = f"{unreadable:,} rows of {export.memberships.name!r}"
    return f"{where} cannot be read; they may list the segment." if unreadable else None


def _listed_today(export: Export, source: DatedSource, name: str) -> str | None:
    """A message if today's table of memberships lists the segment, or may do so; None if it does not."""
    now = datetime.now(UTC)

    def open_today(of: Source, name: str, path: str | None, key: str, /) -> Table:
        today = DatedSource.at(of, now, export.timezone, source.open_file_system)
        return today.open(name, path, key)

    try:
        if name in listed_segments(export, open_today):
            return f"The segment {name!r} is listed today: a run for a past date does not empty or delete its audience."
        return _unreadable(export, open_today)
    except TableMissing:
        return None


def _left_over(source: DatedSource, name: str) -> str | None:
    """A message if files of a missing table are left, which means that it has not been removed for good."""
    if source.is_being_written(name):
        return (
            f"The table {name!r} in {source.root} has no data, only files of a program that is writing it. Remove its "
            "folder if the table is not needed any more."
        )
    if folder := source.remains_of(name):
        return (
            f"{folder} is not a table any more, but holds files. Have the table {name!r} written again, or remove the "
            "files if the table is not needed any more."
        )
    return None


def _is_there_today(export: Export, source: DatedSource, name: str) -> bool:
    """Whether today a table of this name, or files left of it, exists; a run for today would keep its audience."""
    today = DatedSource.at(export.source, datetime.now(UTC), export.timezone, source.open_file_system)
    try:
        tables = today.tables(known=lambda found: normalize("NFC", found) == name)
    except TableMissing:
        return False
    return name in tables or _left_over(today, name) is not None
