"""One run of an export: its options and dates, and access to its tables, workspace and ledgers.

Steps pass on only names, counts and references; members stay in the workspace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from propcache.api import cached_property

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.lake.filesystem import filesystem
from airflow_microsoft_advertising.lake.workspaces import workspace_of_export
from customer_match.clocks import MAX_CLOCK_SKEW
from customer_match.date_templates import RunDates
from customer_match.export.model import Export
from customer_match.export.segments import Ending, Segment
from customer_match.export.sources import Source
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.state import State
from customer_match.profiles.dated_source import DatedSource, Listings
from customer_match.profiles.segment_rows import SegmentRows, listed_segments, segment_rows, shared_tables
from customer_match.runs.batch_state import Retries
from customer_match.runs.folders import run_folder, segment_folder, staged_folder
from customer_match.runs.records import SegmentRecords
from customer_match.runs.staged import StagedData
from customer_match.runs.states import RunKind
from customer_match.runs.table_changes import TableChanges
from customer_match.tables.table import Table
from customer_match.workspace.workspace import Workspace
from customer_match_delivery.spec import AudienceSpec, segment_values

__all__ = ["ExportRun"]


def _ignore(_: Segment, __: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class ExportRun:
    """One run of one export.

    Attributes:
        export: The export file.
        run_id: Airflow's id of the run.
        interval_end: End of the data interval; for a run without one, the time at which it was due.
        full: Replace audiences instead of sending differences.
        dry_run: Do everything except sending.
        ignore_guards: Ignore the export's guards in this run.
        ending: What to do with all audiences instead of filling them; None: they are filled.
        force: Apply this data interval even if an audience holds a newer one.
        began: When the run began; None: now. `force` does not override data that was delivered since then.
        interval_start: Start of the data interval; None: the same as its end.
        logical_date: The date of `ds` in paths; None: the interval's end.
        follows_data: Whether the data started the run, by an event of an asset. It reads the tables as they are; its
            interval's end only says which run is the newer one. Without a logical date, dates in paths are those of its
            start.
        kind: What started the run; None: unknown.
        ordered_by: Name of the Airflow user who started the run; None: nobody, or unknown.
        on_page: Whether Airflow has a page of the export, where people decide on findings of guards.
        on_rows: Gets how many rows of a segment have been read so far, after each batch.
    """

    export: Export
    run_id: str
    interval_end: datetime
    full: bool = False
    dry_run: bool = False
    ignore_guards: bool = False
    ending: Ending | None = None
    force: bool = False
    began: datetime | None = None
    interval_start: datetime | None = None
    logical_date: datetime | None = None
    follows_data: bool = False
    kind: RunKind | None = None
    ordered_by: str | None = None
    on_page: bool = False
    on_rows: Callable[[Segment, int], None] = field(default=_ignore, compare=False, repr=False)

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace, which holds ledgers, staged members and reports."""
        return workspace_of_export(self.export)

    @property
    def folder(self) -> str:
        """The run's folder in the workspace."""
        return run_folder(self.export.name, self.run_id)

    @property
    def hook(self) -> MicrosoftAdvertisingHook:
        """The hook for the export's connection and account."""
        export = self.export
        return MicrosoftAdvertisingHook(export.connection, customer_id=export.cid, account_id=export.aid)

    @property
    def retries(self) -> Retries:
        """How often a step of a segment is retried."""
        return Retries(count=self.export.retries, delay=self.export.retry_delay_seconds)

    def segment_folder(self, segment: Segment) -> str:
        """A segment's folder in the workspace."""
        return segment_folder(self.export.name, self.run_id, segment.audience)

    def staged_folder(self, segment: Segment) -> str:
        """The folder of a segment's staged members and parts in the workspace."""
        return staged_folder(self.export.name, self.run_id, segment.audience)

    def records(self, segment: Segment) -> SegmentRecords:
        """The records that a segment's steps write."""
        return SegmentRecords(self.workspace, self.segment_folder(segment))

    @property
    def staged(self) -> StagedData:
        """What the runs of this export have staged."""
        return StagedData(self.workspace, self.export.name, self.export.aid)

    def audience(self, segment: Segment) -> AudienceSpec:
        """A segment's audience as the export file specifies it."""
        return AudienceSpec.of(self.export, segment)

    def upload_values(self, segment: Segment) -> dict[str, str]:
        """Values of a segment for the task `upload`, as JSON: names and references."""
        return {**segment_values(self.export, segment), "folder": self.segment_folder(segment)}

    @property
    def ledgers(self) -> Ledgers:
        """The ledgers of the account."""
        return Ledgers(self.workspace, self.export.aid)

    def known(self, segment: Segment) -> State:
        """Read the ledger's state of a segment's audience, even if the export has just renamed the audience."""
        return self.ledgers.state_of(
            self.export.key(segment), segment.audience, others=self.export.other_keys(segment)
        )

    @property
    def changes(self) -> TableChanges:
        """The record of tables that have vanished or appeared."""
        return TableChanges(self.export, self.workspace, self.folder, self.interval_end)

    @property
    def source(self) -> DatedSource:
        """The export's source, with the dates of this run."""
        return self._dated(self.export.source)

    def now(self) -> datetime:
        """The present time."""
        return datetime.now(UTC)

    def today(self, source: Source) -> DatedSource:
        """Return a source with today's dates, regardless of the run's data interval."""
        return DatedSource.at(source, self.now(), self.export.timezone, filesystem)

    def tables(self) -> dict[str, str]:
        """Find the paths of the source's tables by name. If one table holds all segments: the names in that table."""
        if self.export.memberships:
            return listed_segments(self.export, self.open_table)
        return self.source.tables(self.changes.are_known())

    def shared_tables(self) -> list[Table]:
        """Open the tables that each segment reads as a whole, beside its own."""
        return shared_tables(self.export, self.open_table)

    def rows(self, segment: Segment) -> SegmentRows:
        """Open the tables of a segment.

        Raises:
            ConfigurationError: A table is missing or not readable, or lacks columns that the export names.
        """
        return segment_rows(self.export, segment, self.open_table)

    def open_table(self, source: Source, name: str, path: str | None, key: str, /) -> Table:
        """Open a table for the run's day. If its format keeps versions: as it was at the end of the data interval.

        A run that follows the data opens the newest version.

        Args:
            source: The source in the export file.
            name: Name of the table.
            path: Path in the export file; None: find the table by its name.
            key: The key of the export file that names the table, for messages.
        """
        return self._dated(source).open(name, path, key)

    def _dated(self, source: Source) -> DatedSource:
        return DatedSource(source, self._dates, self._as_of, filesystem, self._listings)

    @cached_property
    def _listings(self) -> Listings:
        return {}

    @property
    def _as_of(self) -> datetime:
        # Events that come while a run is under way start one run together, which is due at the first of them
        # (observed: Airflow 3.3.2). The clock that stamps versions may be ahead of ours.
        return self._began + MAX_CLOCK_SKEW if self.follows_data else self.interval_end

    @property
    def _began(self) -> datetime:
        return self.began or self.now()

    @cached_property
    def _dates(self) -> RunDates:
        if self.follows_data and self.logical_date is None:
            return RunDates.at(self._began, self.export.timezone)
        end = self.interval_end
        return RunDates(
            self.interval_start or end, end, self.logical_date or end, timezone=self.export.timezone
        )
