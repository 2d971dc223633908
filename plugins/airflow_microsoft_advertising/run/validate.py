"""The step `validate`: checks that a segment's table exists, is readable and fresh, and has the named columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_microsoft_advertising.run.step import Elapsed, apply_guards, segment_step
from airflow_microsoft_advertising.run.suppression import open_suppression
from customer_match.errors import ConfigurationError, TerminalError
from customer_match.redaction import logger, without_addresses
from customer_match.runs.findings import Finding
from customer_match.runs.guards import check_age, check_rows, check_vanished
from customer_match.runs.records import Step, Validated
from customer_match_delivery.ownership import refuse_other_owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment
    from customer_match.profiles.segment_rows import SegmentRows
    from customer_match.tables.table import Table

__all__ = ["check_table", "open_tables", "validate_segment"]

log = logger(__name__)


def validate_segment(run: ExportRun, segment: Segment) -> Validated:
    """Check the segment's table without reading its rows.

    Raises:
        AirflowFailException: The table cannot be exported; the message says what to do.
        TransientError: The lake cannot be reached now.
    """
    with segment_step(run, Step.VALIDATE, segment) as elapsed:
        if segment.ending:
            record = _validate_vanished(run, segment, elapsed)
        else:
            _refuse_other_owner(run, segment)
            record = _validate_tables(run, segment, elapsed)
        run.records(segment).write(record)
        return record


def _refuse_other_owner(run: ExportRun, segment: Segment) -> None:
    """Reject the segment if another export of this workspace keeps its audience."""
    spec = run.audience(segment)
    owner = run.ledgers.owner(spec.key, spec.name)
    refuse_other_owner(run.ledgers, spec, owner, what=f"The audience {spec.name!r}")


def _validate_tables(run: ExportRun, segment: Segment, elapsed: Elapsed) -> Validated:
    rows = open_tables(run, segment)
    profiles = rows.profiles()
    checks = [finding for table in rows.tables for finding in check_table(run, segment, table)]
    overridden = apply_guards(run, segment, *checks)
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


def open_tables(run: ExportRun, segment: Segment) -> SegmentRows:
    """Open the tables of a segment and the suppression lists, without reading their rows.

    Raises:
        CustomerMatchError: One cannot be opened, or lacks a column; the message says what to do.
    """
    if segment.fault:
        raise ConfigurationError(segment.fault)
    rows = run.rows(segment)
    for wanted in run.export.suppress:
        open_suppression(run, wanted)
    return rows


def check_table(run: ExportRun, segment: Segment, table: Table) -> Iterator[Finding | None]:
    """Check the age of a table, and that it is not empty."""
    guards, day = run.export.guards, run.interval_end if table.by_time else None
    yield check_age(segment.audience, table.modified, run.now(), guards, interval_end=day)
    yield check_rows(segment.audience, table.location, table.profiles(), len(table.files), guards)


def _check_vanished(run: ExportRun, segment: Segment) -> Finding | None:
    changes = run.changes.read()
    if changes is None:
        raise TerminalError(
            f"The result of the task `select` is no longer in {run.folder}. Clear that task and the tasks after it."
        )
    return check_vanished(segment.audience, changes, run.export.guards)


def _validate_vanished(run: ExportRun, segment: Segment, elapsed: Elapsed) -> Validated:
    """Check a vanished table: `max_vanished` stops the run if too many vanished at once, unless all are to end."""
    finding = None if segment.ordered else _check_vanished(run, segment)
    overridden = apply_guards(run, segment, finding)
    return Validated(
        seconds=elapsed(),
        overridden=overridden,
        columns=(),
        profiles=None,
        files=0,
        size_bytes=0,
        modified=None,
    )
