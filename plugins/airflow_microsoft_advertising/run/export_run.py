"""The steps of one run of an export, as plain functions of files: what the tasks of the DAG call.

Between steps only names, counts and references travel; members stay in the workspace.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from propcache.api import cached_property

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.lake.filesystem import filesystem
from airflow_microsoft_advertising.run.failures import clearly
from airflow_microsoft_advertising.run.params import mark
from airflow_microsoft_advertising.run.sizes import read_sizes
from customer_match.clocks import is_in_future
from customer_match.date_templates import RunDates
from customer_match.errors import ConfigurationError, CustomerMatchError, TerminalError
from customer_match.export.matching import segments_of, unmatched
from customer_match.export.model import Export
from customer_match.export.people import Suppression
from customer_match.export.schedule import next_run
from customer_match.export.segments import Segment
from customer_match.export.sources import Source
from customer_match.ledger.ledgers import Ledgers
from customer_match.ledger.state import State
from customer_match.members.files import DamagedMembers
from customer_match.planning.data_intervals import Force, Overtaken, check_not_ahead, in_order
from customer_match.planning.known_tables import Changes, Seen
from customer_match.planning.plan import Plan, plan_parts
from customer_match.planning.renewal import lapse_warning, must_renew
from customer_match.planning.sizes import Sizes
from customer_match.profiles.dated_source import DatedSource
from customer_match.profiles.reading import Reading, suppression_of
from customer_match.profiles.segment_rows import SegmentRows, listed_segments, segment_rows
from customer_match.profiles.staging import Staged, stage_members
from customer_match.profiles.suppression import Suppressed
from customer_match.project import PROJECT
from customer_match.redaction import logger, without_addresses
from customer_match.runs.guards import (
    Finding,
    check_age,
    check_emails_lost,
    check_members,
    check_profiles_lost,
    check_removed,
    check_rows,
    check_suppression,
    check_vanished,
    judge,
)
from customer_match.runs.records import (
    Chunked,
    Delivered,
    Normalised,
    SegmentRecords,
    Step,
    Validated,
)
from customer_match.runs.report import RunReport, segment_report
from customer_match.runs.table_changes import TableChanges, reason_to_wait
from customer_match.tables import Table
from customer_match.workspace import Workspace, slug
from customer_match_delivery.marks import AudienceSpec
from customer_match_delivery.ownership import refuse_anothers
from microsoft_advertising.bulk import file as bulk_file

__all__ = ["ExportRun"]

log = logger(__name__)

DRY_RUN = "Dry run: nothing is sent."


def _now() -> datetime:
    return datetime.now(UTC)


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
        place = self.export.workspace
        return Workspace(*filesystem(place.connection, place.locate(PROJECT)))

    @property
    def folder(self) -> str:
        """The run's folder in the workspace."""
        return f"runs/{slug(self.export.name)}/{slug(self.run_id)}"

    def segment_folder(self, segment: Segment) -> str:
        """A segment's folder in the workspace."""
        return f"{self.folder}/{slug(segment.audience)}"

    def audience(self, segment: Segment) -> AudienceSpec:
        """A segment's audience as the export wants it."""
        export = self.export
        return AudienceSpec(
            name=segment.audience,
            mark=mark(export),
            segment=export.identity(segment),
            segments=tuple(export.identities),
            audience_id=segment.audience_id,
            scope=export.scope,
            scope_stated=export.scope_is_stated,
            membership_duration=export.membership_duration,
            adopt=export.adopt,
        )

    def records(self, segment: Segment) -> SegmentRecords:
        """What the steps of a segment have found out."""
        return SegmentRecords(self.workspace, self.segment_folder(segment))

    def select(self, names: Sequence[str] = ()) -> list[Segment]:
        """The segments of this run: all of the export, or those named (by table or audience).

        Among them are those whose tables have vanished, if the export empties or deletes their audiences.

        Raises:
            AirflowFailException: A name is not a segment of the export, no table is found, or the run stands for a
                time that is still to come.
        """
        with clearly(Step.VALIDATE, None):
            for folder in ("ledgers", "segments", f"runs/{slug(self.export.name)}"):
                self.workspace.clean(folder)
            return self._selected(names)

    def validate(self, segment: Segment) -> Validated:
        """Open the segment's table: found, readable, fresh, with the columns that the export names."""
        with self._step(Step.VALIDATE, segment) as elapsed:
            if not segment.ending:
                self._refuse_anothers(segment)
            record = self._missed(segment, elapsed) if segment.ending else self._validated(segment, elapsed)
            self.records(segment).write(record)
            return record

    def normalise(self, segment: Segment) -> Normalised:
        """Stream the table, hash its addresses, stage the distinct members."""
        with self._step(Step.NORMALISE, segment) as elapsed:
            path = f"{self.segment_folder(segment)}/members.parquet"
            staged = Staged.nobody(self.workspace, path) if segment.ending else self._staged(segment, path)
            guards, findings = self.export.guards, []
            if not segment.ending:
                findings = [
                    check_members(segment.audience, staged, guards),
                    check_suppression(staged.lists, guards),
                ]
            overridden = self._judged(*findings)
            record = Normalised(seconds=elapsed(), overridden=overridden, staged=staged)
            self.records(segment).write(record)
            _tell(staged)
            return record

    def chunk(self, segment: Segment) -> Chunked:
        """Take the difference to the ledger and write the parts."""
        with self._step(Step.CHUNK, segment) as elapsed:
            normalised = self.records(segment).read(Normalised)
            if normalised is None:
                raise TerminalError(
                    f"The members of segment {segment.audience!r} are not staged in {self.segment_folder(segment)}. "
                    "Run its task `normalise` (again); all tasks must use the same workspace."
                )
            make = self._ended if segment.ending else self._chunked
            record = make(segment, normalised, elapsed)
            self.records(segment).write(record)
            return record

    def sizes(self, segments: Sequence[Segment]) -> Sizes:
        """Read how large the service finds the audiences that earlier runs delivered; fails never."""
        sizes = read_sizes(self, segments)
        try:
            self.workspace.write_bytes(self._sizes_path, sizes.model_dump_json(indent=1).encode())
        except CustomerMatchError as error:
            log.warning("The sizes of the audiences could not be kept for the report: %s", error)
        return sizes

    def report(self, segments: Sequence[Segment]) -> RunReport:
        """Sum up the run and write the report into the workspace, as JSON and as a page."""
        sizes, changes = self._sizes(), self._changes.noted() or Changes()
        report = RunReport(
            export=self.export.name,
            title=self.export.title,
            run_id=self.run_id,
            interval_end=self.interval_end,
            finished=datetime.now(UTC),
            dry_run=self.dry_run,
            full=self.full,
            forced=self.force,
            sizes_note=sizes.note if sizes else None,
            vanished=changes.vanished,
            appeared=changes.appeared,
            ending=None if self.export.vanished == "keep" else self.export.vanished,
            segments=tuple(
                segment_report(
                    s.table,
                    s.audience,
                    self.records(s),
                    dry_run=self.dry_run,
                    sizes=sizes.of(s.audience) if sizes else None,
                )
                for s in segments
            ),
        )
        self.workspace.write_bytes(f"{self.folder}/report.json", report.model_dump_json(indent=1).encode())
        self.workspace.write_bytes(f"{self.folder}/report.html", report.html().encode())
        for segment in segments:
            delivered = self.records(segment).read(Delivered) if segment.ending else None
            if delivered:
                self._changes.forget(segment, delivered, self.known(segment))
        return report

    @property
    def _sizes_path(self) -> str:
        return f"{self.folder}/sizes.json"

    def _sizes(self) -> Sizes | None:
        if not self.workspace.exists(self._sizes_path):
            return None
        return Sizes.model_validate_json(self.workspace.read_bytes(self._sizes_path))

    def _selected(self, names: Sequence[str]) -> list[Segment]:
        check_not_ahead(self.interval_end, _now())
        root = self._dated(self.export.source).root
        tables = self._tables() if self.export.has_patterns else {}
        segments = segments_of(self.export, tables)
        for name in unmatched(self.export, tables) if tables else ():
            log.warning("No table in %s fits the segment %r of the export file", root, name)
        changes = self._changes.found(tables, segments)
        segments += self._changes.endings(changes, at_once=self.ignore_guards)
        if not segments:
            raise ConfigurationError(self._no_table(root, changes))
        if not self.dry_run:
            self._changes.note_missed(self._due(changes), tables)
        if not names:
            self._changes.note(changes)
            return segments
        chosen = [s for s in segments if s.table in names or s.audience in names]
        unknown = set(names) - {s.table for s in chosen} - {s.audience for s in chosen}
        if unknown:
            known = ", ".join(sorted(s.audience for s in segments))
            raise ConfigurationError(
                f"The export {self.export.name!r} has no segment {', '.join(sorted(unknown))}. It has: {known}."
            )
        self._changes.note(changes.chosen(names))
        return chosen

    @property
    def _changes(self) -> TableChanges:
        """Which tables have vanished or appeared."""
        return TableChanges(self.export, self.workspace, self.folder, self.interval_end)

    def _due(self, changes: Changes) -> Changes:
        """Without the tables that a later run has delivered: that one for the past misses them tells nothing."""

        def is_due(one: Seen) -> bool:
            newest = self.known(Segment(table=one.table, audience=one.audience)).interval_end
            return newest is None or newest <= self.interval_end

        return changes.model_copy(update={"vanished": tuple(filter(is_due, changes.vanished))})

    def _no_table(self, root: str, changes: Changes) -> str:
        patterns = ", ".join(selection.table for selection in self.export.segments)
        words = (
            f"No table in {root} fits the segments of the export {self.export.name!r} ({patterns}). Correct `segments` "
            "or `source` in the export file, or check what writes the tables."
        )
        if changes.vanished and self.export.vanished != "keep":
            words += f" If they are gone for good, run once with `ignore_guards`: `vanished: {self.export.vanished}`."
        return words

    def _refuse_anothers(self, segment: Segment) -> None:
        """Do not begin where another export of this workspace keeps the audience."""
        ledgers, spec = Ledgers(self.workspace, self.export.aid), self.audience(segment)
        owner = ledgers.owner(spec.key, spec.name)
        refuse_anothers(ledgers, spec, owner, what=f"The audience {spec.name!r}")

    def _validated(self, segment: Segment, elapsed: Any) -> Validated:
        if segment.fault:
            raise ConfigurationError(segment.fault)
        rows = self._rows(segment)
        for wanted in self.export.suppress:
            self._open_suppression(wanted)
        profiles, guards = rows.profiles(), self.export.guards
        checks: list[Finding | None] = []
        for table in rows.tables:
            day = self.interval_end if table.by_time else None
            checks.append(check_age(segment.audience, table.modified, _now(), guards, interval_end=day))
            checks.append(
                check_rows(segment.audience, table.location, table.profiles(), len(table.files), guards)
            )
        overridden = self._judged(*checks)
        files = [file for table in rows.tables for file in table.files]
        location = rows.tables[0].location
        log.info("The table is %s", location)
        return Validated(
            seconds=elapsed(),
            overridden=overridden,
            columns=rows.reading.emails,
            profiles=profiles,
            files=len(files),
            size_bytes=sum(file.size_bytes for file in files),
            modified=rows.tables[0].modified,
            location=without_addresses(location),
        )

    def _missed(self, segment: Segment, elapsed: Any) -> Validated:
        """A table that has vanished, and not with so many others that it must be a mistake."""
        changes = self._changes.noted()
        if changes is None:
            raise TerminalError(
                f"What the task `select` found is not in {self.folder} any more. Clear that task and those after it."
            )
        overridden = self._judged(check_vanished(segment.audience, changes, self.export.guards))
        return Validated(
            seconds=elapsed(),
            overridden=overridden,
            columns=(),
            profiles=None,
            files=0,
            size_bytes=0,
            modified=None,
        )

    def _staged(self, segment: Segment, path: str) -> Staged:
        opened = self._rows(segment)
        reading, unlisted = opened.reading, self.export.guards.allow_empty or self.ignore_guards
        with self._suppressed() as suppressed, opened.read(may_be_unlisted=unlisted) as rows:
            return stage_members(
                rows.batches,
                reading,
                self.export.normalisation,
                self.workspace,
                path,
                suppressed=suppressed,
                rejects_path=self._rejects_path(segment, reading),
                joined=rows.joined,
                log=rows.log,
            )

    def _ended(self, segment: Segment, normalised: Normalised, elapsed: Any) -> Chunked:
        """What is to be done where a table has vanished, unless it is back, or was there on a later day."""
        state, now = self.known(segment), _now()
        # `force` is for data, and there is none here. It only leads out of an interval in the future, which a clock
        # that was ahead has written.
        force = self._force() if is_in_future(state.interval_end, now) else None
        chunked = Chunked(
            seconds=0, plan=None, audience=segment.audience, interval_end=self.interval_end, force=force
        )
        try:
            in_order(state, self.interval_end, force, now=now)
        except Overtaken as overtaken:
            return chunked.model_copy(update={"skipped": str(overtaken), "seconds": elapsed()})
        source = self._dated(self.export.source)
        if words := reason_to_wait(self.export, segment, source, self._tables(), self._open):
            return chunked.model_copy(update={"skipped": words, "seconds": elapsed()})
        plan = self._plan(segment, state, normalised.staged) if segment.ending == "empty" else None
        skipped = DRY_RUN if self.dry_run else None
        return chunked.model_copy(
            update={
                "ending": segment.ending,
                "spared": tuple(one.audience_id for one in self.export.segments if one.audience_id),
                "looked_at": _now(),
                "plan": plan,
                "skipped": skipped,
                "seconds": elapsed(),
            }
        )

    def _chunked(self, segment: Segment, normalised: Normalised, elapsed: Any) -> Chunked:
        state, force = self.known(segment), self._force()
        try:
            in_order(state, self.interval_end, force, now=_now())
        except Overtaken as overtaken:
            return Chunked(
                seconds=elapsed(),
                plan=None,
                audience=segment.audience,
                interval_end=self.interval_end,
                skipped=str(overtaken),
            )
        plan = self._plan(segment, state, normalised.staged)
        now, guards = normalised.staged.facts, self.export.guards
        if not self.dry_run:
            self._changes.remember(segment)  # from here on members of it may be there
        overridden = self._judged(
            check_removed(segment.audience, plan, guards),
            check_profiles_lost(segment.audience, state.table, now, guards),
            check_emails_lost(segment.audience, state.table, now, guards),
        )
        log.info(
            "%s parts%s: %d added, %s removed, %d unchanged%s%s",
            len(plan.parts),
            f" by {plan.route}" if plan.route else "",
            plan.added,
            "unknown" if plan.removed is None else plan.removed,
            plan.unchanged,
            f"; {plan.renewed} of them are added again, so that they do not lapse" if plan.renewed else "",
            "; the audience is replaced as a whole" if plan.replaces else "",
        )
        return Chunked(
            seconds=elapsed(),
            plan=plan,
            audience=segment.audience,
            interval_end=self.interval_end,
            skipped=DRY_RUN if self.dry_run else None,
            overridden=overridden,
            guards=guards,
            ignore_guards=self.ignore_guards,
            force=force,
            lapse=self._lapse_warning(),
        )

    def _judged(self, *findings: Finding | None) -> tuple[str, ...]:
        """Let the guards of a step stop it; what they found and the run ignores is logged, and returned."""
        overridden = judge(*findings, ignore=self.ignore_guards)
        for words in overridden:
            log.warning("Let pass by `ignore_guards`: %s", words)
        return overridden

    def _force(self) -> Force | None:
        return Force(run=self.run_id, began=self.began or _now()) if self.force else None

    def _next_run_over(self) -> datetime | None:
        """When the next run of the schedule will be over at the latest."""
        following = next_run(self.export.schedule, self.export.timezone, _now())
        return following and following + timedelta(hours=self.export.run_timeout_hours)

    def _lapse_warning(self) -> str | None:
        days = self.export.membership_duration
        warning = lapse_warning(days=days, now=_now(), next_run_over=self._next_run_over())
        if warning:
            log.warning("%s", warning)
        return warning

    def _plan(self, segment: Segment, state: State, staged: Staged) -> Plan:
        """The way from what the ledger knows to the target; from nothing, if what it rests on is damaged."""
        renew = must_renew(
            state.renewed,
            days=self.export.membership_duration,
            now=_now(),
            next_run_over=self._next_run_over(),
        )

        def planned(state: State) -> Plan:
            return plan_parts(
                self.workspace,
                state,
                staged.members,
                plan_id=f"{self.run_id}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
                folder=f"{self.segment_folder(segment)}/parts",
                part_size=self._part_size(),
                full=self.full,
                renew=renew,
                route=self.export.route,
                table=staged.facts,
            )

        try:
            return planned(state)
        except DamagedMembers:
            damage = Ledgers(self.workspace, self.export.aid).of(state.audience).verify(state)
            if damage is None:
                raise  # it is the target
            log.warning(
                "%s Nothing that the ledger said counts any more: the whole audience is replaced.", damage
            )
            return planned(state.unknown(damage))

    def known(self, segment: Segment) -> State:
        """What the ledger knows of a segment's audience, also where the export has just renamed it."""
        return Ledgers(self.workspace, self.export.aid).standing(
            self.export.key(segment), segment.audience, others=self.export.other_keys(segment)
        )

    def _part_size(self) -> int:
        try:
            sandbox = MicrosoftAdvertisingHook(self.export.connection).environment().sandbox
        except CustomerMatchError:
            if not self.dry_run:
                raise
            sandbox = False
        return min(self.export.profiles_per_part, bulk_file.max_members_per_file(sandbox=sandbox))

    @cached_property
    def _dates(self) -> RunDates:
        end = self.interval_end
        return RunDates(
            self.interval_start or end, end, self.logical_date or end, timezone=self.export.timezone
        )

    def _dated(self, source: Source) -> DatedSource:
        return DatedSource(source, self._dates, self.interval_end, filesystem)

    def _tables(self) -> dict[str, str]:
        """Where each table of the source lies, by name; of one table of all segments, the names that it lists."""
        if self.export.memberships:
            return listed_segments(self.export, self._open)
        return self._dated(self.export.source).tables(self._changes.are_known())

    def _rows(self, segment: Segment) -> SegmentRows:
        return segment_rows(self.export, segment, self._open)

    def _open(self, source: Source, name: str, path: str | None, key: str, /) -> Table:
        """A table of the run's day, or as it was at the end of the data interval where its format knows."""
        return self._dated(source).open(name, path, key)

    def _open_suppression(self, wanted: Suppression) -> tuple[Table, Reading]:
        """A suppression list, and how it is read. Without it nobody is exported."""
        source = (wanted.source or self.export.source).with_changes(wanted.changes)
        try:
            # Whoever must be kept out today is kept out, whatever day the run stands for.
            today = DatedSource.at(source, _now(), self.export.timezone, filesystem)
            table = today.open(wanted.name, wanted.path, "`suppress`")
            return table, suppression_of(wanted.email or self.export.email, table.columns())
        except ConfigurationError as error:
            raise ConfigurationError(f"Suppression list {wanted.name!r}: {error}") from None

    @contextmanager
    def _suppressed(self) -> Iterator[Suppressed | None]:
        """The members that no audience may have; None if the export names no lists."""
        if not self.export.suppress:
            yield None
            return
        with Suppressed(self.export.normalisation) as suppressed:
            for wanted in self.export.suppress:
                table, reading = self._open_suppression(wanted)
                batches = table.batches(reading.columns)
                found = suppressed.read(batches, reading, wanted.name, allow_empty=wanted.allow_empty)
                log.info(
                    "Suppression list %r: %d rows, %d unusable %s",
                    wanted.name,
                    found.rows,
                    found.unusable,
                    {str(reason): count for reason, count in found.rejected.items()},
                )
            yield suppressed

    def _rejects_path(self, segment: Segment, reading: Reading) -> str | None:
        """Where rejected rows are listed; an earlier try's list goes if there is to be none."""
        path = f"{self.segment_folder(segment)}/rejects.parquet"
        if reading.key is None:
            self.workspace.delete(path)
            return None
        return path

    @contextmanager
    def _step(self, step: Step, segment: Segment) -> Iterator[Any]:
        started = time.monotonic()
        with clearly(step, self.records(segment)):
            yield lambda: time.monotonic() - started


def _tell(staged: Staged) -> None:
    log.info(
        "%d profiles read, %d left out by `where`, %d without consent, %d valid, %d rejected %s, %d duplicates, "
        "%d suppressed, %d members",
        staged.profiles,
        staged.filtered,
        staged.without_consent,
        staged.valid,
        staged.considered - staged.valid,
        {str(reason): count for reason, count in staged.rejected.items()},
        staged.duplicates,
        staged.suppressed or 0,
        staged.members.count,
    )
    if staged.log:
        log.info(
            "Logs of changes: %d rows superseded by newer ones, %d deleted",
            staged.log.superseded,
            staged.log.deleted,
        )
    if staged.joined:
        log.info(
            "%d memberships of %d customers, %d of these without a profile",
            staged.joined.rows,
            staged.joined.customers,
            staged.joined.without_profile,
        )
