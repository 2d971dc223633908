"""Which tables have vanished or appeared, from the task that finds it out to the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from unicodedata import normalize

from customer_match.export.matching import taken_by_patterns
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.export.sources import Source
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
    """The changes that one run has found.

    Attributes:
        export: The export.
        workspace: Its workspace.
        folder: The run's folder there.
        interval_end: End of its data interval.
    """

    export: Export
    workspace: Workspace
    folder: str
    interval_end: datetime

    def found(self, tables: Iterable[str], present: Sequence[Segment]) -> Changes:
        """What differs from earlier runs; of tables that the export names, each segment tells by itself."""
        return self._remembered.changes(tables, present) if self.export.has_patterns else Changes()

    def note(self, changes: Changes) -> None:
        """Keep it for later steps and the report."""
        for one in changes.vanished:
            log.warning("The table %r of the audience %r is not there any more", one.table, one.audience)
        if self.export.has_patterns:
            self.workspace.write_bytes(self._path, changes.model_dump_json(indent=1).encode())

    def note_missed(self, changes: Changes, tables: Iterable[str]) -> None:
        """Note for later runs what this one has missed."""
        if self.export.has_patterns:
            self._remembered.note_missed(changes, tables, self.interval_end)

    def noted(self) -> Changes | None:
        """What was kept; None where no task came that far."""
        if not self.workspace.exists(self._path):
            return None
        return Changes.model_validate_json(self.workspace.read_bytes(self._path))

    def endings(self, changes: Changes, *, at_once: bool) -> list[Segment]:
        """The segments of vanished tables whose audiences the export does not keep."""
        return to_end(self.export, changes.vanished, self.interval_end, at_once=at_once)

    def are_known(self) -> Callable[[str], bool]:
        """Whether a table of a name was delivered before."""
        return self._remembered.are_known()

    def remember(self, segment: Segment) -> None:
        """Remember a table whose audience is sent to, so that it is missed."""
        self._remembered.remember(segment.table, segment.audience)

    def forget(self, segment: Segment, delivered: Delivered, state: State) -> None:
        """Forget a table whose audience has ended, unless something came into it since.

        Args:
            segment: The table's.
            delivered: What the service took.
            state: What the ledger says now.
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
    """Why an audience does not end although its table had vanished; None if it does.

    Args:
        export: The export as its file says by now.
        segment: The segment of the table.
        source: Where the tables are, for the run's day.
        tables: Those that are there by now.
        open_table: Opens the table of memberships.
    """
    name = segment.table
    if export.vanished != segment.ending or not taken_by_patterns(export, [name]):
        return "The export file was changed since the run began: the next run goes by it."
    if name in tables:
        return f"The table {name!r} is there again: the next run delivers it."
    if export.memberships is not None:
        return _unreadable(export, open_table) or _listed_today(export, source, name)
    if source.is_dated(None) and _is_there_today(export, source, name):
        return f"The table {name!r} is there today: a run for the past does not end its audience."
    return _left_over(source, name)


def _unreadable(export: Export, open_table: OpenTable) -> str | None:
    """That nobody knows which segments some customers are in; None if it is known of all."""
    assert export.memberships is not None  # noqa: S101 (else each segment is a table)
    unreadable = unreadable_lists(export, open_table)
    where = f"{unreadable:,} rows of {export.memberships.name!r}"
    return f"{where} cannot be read, and may list the segment." if unreadable else None


def _listed_today(export: Export, source: DatedSource, name: str) -> str | None:
    """That the table of memberships, as it is today, lists a segment, or may; None if it does not."""
    now = datetime.now(UTC)

    def open_today(of: Source, name: str, path: str | None, key: str, /) -> Table:
        today = DatedSource.at(of, now, export.timezone, source.open_file_system)
        return today.open(name, path, key)

    try:
        if name in listed_segments(export, open_today):
            return f"The segment {name!r} is listed today: a run for the past does not end its audience."
        return _unreadable(export, open_today)
    except TableMissing:
        return None


def _left_over(source: DatedSource, name: str) -> str | None:
    """Which files of a table that is not there any more still are, and so tell that it has not gone for good."""
    if source.is_being_written(name):
        return (
            f"The table {name!r} has no data, but files of a program that is writing it, in {source.root}. Remove its "
            "folder if it is gone for good."
        )
    if folder := source.remains_of(name):
        return (
            f"{folder} is no table any more, but holds files. Let the table {name!r} be written again, or remove them "
            "if it is gone for good."
        )
    return None


def _is_there_today(export: Export, source: DatedSource, name: str) -> bool:
    """Whether there is a table of this name today, or anything for which a run of today would not end its audience."""
    today = DatedSource.at(export.source, datetime.now(UTC), export.timezone, source.open_file_system)
    try:
        tables = today.tables(known=lambda found: normalize("NFC", found) == name)
    except TableMissing:
        return False
    return name in tables or _left_over(today, name) is not None
