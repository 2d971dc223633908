"""One run of an export: its dates, its workspace, and what its steps read and keep there.

Between steps only names, counts and references travel; members stay in the workspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from propcache.api import cached_property

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.lake.filesystem import filesystem
from customer_match.date_templates import RunDates
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.export.sources import Source
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.state import State
from customer_match.profiles.dated_source import DatedSource
from customer_match.profiles.segment_rows import SegmentRows, listed_segments, segment_rows
from customer_match.runs.records import SegmentRecords
from customer_match.runs.table_changes import TableChanges
from customer_match.safe_names import slug
from customer_match.tables.table import Table
from customer_match.workspace.workspace import Workspace
from customer_match_delivery.spec import AudienceSpec, segment_values

__all__ = ["ExportRun"]


@dataclass(frozen=True)
class ExportRun:
    """One run of one export.

    Attributes:
        export: The export file.
        run_id: Airflow's name of the run.
        interval_end: End of the data interval; for a run without one, when it was due.
        full: Replace audiences instead of sending differences.
        dry_run: Do everything but send.
        ignore_guards: Let pass for this run what the guards would stop.
        force: Apply this data interval although an audience holds a newer one.
        began: When the run began; None: now. What came into an audience since then is not forced over.
        interval_start: Begin of the data interval; None: its end, as for a run that stands for a moment.
        logical_date: What `ds` in paths is made of; None: the interval's end.
    """

    export: Export
    run_id: str
    interval_end: datetime
    full: bool = False
    dry_run: bool = False
    ignore_guards: bool = False
    force: bool = False
    began: datetime | None = None
    interval_start: datetime | None = None
    logical_date: datetime | None = None

    @cached_property
    def workspace(self) -> Workspace:
        """Where ledgers, staged members and reports are kept."""
        root = self.export.workspace
        return Workspace(*filesystem(root.connection, root.locate()))

    @property
    def folder(self) -> str:
        """The run's folder in the workspace."""
        return f"runs/{slug(self.export.name)}/{slug(self.run_id)}"

    @property
    def hook(self) -> MicrosoftAdvertisingHook:
        """Opens the service, for the export's account."""
        export = self.export
        return MicrosoftAdvertisingHook(export.connection, customer_id=export.cid, account_id=export.aid)

    def segment_folder(self, segment: Segment) -> str:
        """A segment's folder in the workspace."""
        return f"{self.folder}/{slug(segment.audience)}"

    def records(self, segment: Segment) -> SegmentRecords:
        """What the steps of a segment have found out."""
        return SegmentRecords(self.workspace, self.segment_folder(segment))

    def audience(self, segment: Segment) -> AudienceSpec:
        """A segment's audience as the export wants it."""
        return AudienceSpec.of(self.export, segment)

    def upload_values(self, segment: Segment) -> dict[str, str]:
        """What the task `upload` gets of a segment, as JSON: names and references."""
        return {**segment_values(self.export, segment), "folder": self.segment_folder(segment)}

    @property
    def ledgers(self) -> Ledgers:
        """What is known of the account's audiences."""
        return Ledgers(self.workspace, self.export.aid)

    def known(self, segment: Segment) -> State:
        """What the ledger knows of a segment's audience, also where the export has just renamed it."""
        return self.ledgers.state_of(
            self.export.key(segment), segment.audience, others=self.export.other_keys(segment)
        )

    @property
    def changes(self) -> TableChanges:
        """Which tables have vanished or appeared."""
        return TableChanges(self.export, self.workspace, self.folder, self.interval_end)

    @property
    def source(self) -> DatedSource:
        """The export's source as it is for this run."""
        return self._dated(self.export.source)

    def now(self) -> datetime:
        """The present time."""
        return datetime.now(UTC)

    def today(self, source: Source) -> DatedSource:
        """A source as it is today, whatever day the run is for."""
        return DatedSource.at(source, self.now(), self.export.timezone, filesystem)

    def tables(self) -> dict[str, str]:
        """Where each table of the source is, by name; of one table of all segments, the names that it lists."""
        if self.export.memberships:
            return listed_segments(self.export, self.open_table)
        return self.source.tables(self.changes.are_known())

    def rows(self, segment: Segment) -> SegmentRows:
        """The tables of a segment, opened.

        Raises:
            ConfigurationError: A table is not found or not readable, or has not the columns that the export names.
        """
        return segment_rows(self.export, segment, self.open_table)

    def open_table(self, source: Source, name: str, path: str | None, key: str, /) -> Table:
        """A table of the run's day, or as it was at the end of the data interval where its format knows.

        Args:
            source: As the export file has it.
            name: Of the table.
            path: As the export file has it; None: it is found by its name.
            key: Where the export file names it, for messages.
        """
        return self._dated(source).open(name, path, key)

    def _dated(self, source: Source) -> DatedSource:
        return DatedSource(source, self._dates, self.interval_end, filesystem)

    @cached_property
    def _dates(self) -> RunDates:
        end = self.interval_end
        return RunDates(
            self.interval_start or end, end, self.logical_date or end, timezone=self.export.timezone
        )
