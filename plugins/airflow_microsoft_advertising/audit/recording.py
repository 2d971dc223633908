"""Records the start and the end of a run in the audit trail of its export.

A run whose start cannot be recorded does not begin. If its end cannot be recorded, the report is there, and the run
fails, so that a retry or a user records it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from getpass import getuser
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.audit.heads import VariableHeads
from airflow_microsoft_advertising.run.checks.permission import load_agreement
from customer_match.audit.chain import digest_of
from customer_match.audit.events import RunStarted, name_of_user
from customer_match.audit.run_events import events_of
from customer_match.audit.trail import Trail
from customer_match.errors import CustomerMatchError, TransientError
from customer_match.redaction import logger
from customer_match.release import release
from customer_match.runs.states import RunKind

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.model import Export
    from customer_match.export.segments import Segment
    from customer_match.runs.report import RunReport
    from customer_match.workspace.workspace import Workspace

__all__ = ["configuration_digest", "record_end", "record_start", "trail_of", "user_of_system"]

log = logger(__name__)


def trail_of(export: Export, workspace: Workspace) -> Trail:
    """Return the audit trail of an export."""
    return Trail(workspace, export.name, VariableHeads(export.name, export.workspace.locate()))


def configuration_digest(export: Export) -> str:
    """Return a digest of what an export file says; comments, order and spelling of values do not count."""
    return digest_of(export.model_dump(mode="json", exclude_unset=True))


def record_start(run: ExportRun, chosen: Sequence[str], *, is_refused: bool = False) -> None:
    """Record that a run begins.

    Args:
        run: The run.
        chosen: Names of the segments that were asked for; empty: all.
        is_refused: Whether it may not begin; then no agreement allows it, even if one has allowed an earlier try.

    Raises:
        CustomerMatchError: The workspace refuses.
    """
    export = run.export
    event = RunStarted(
        run_id=run.run_id,
        kind=run.kind,
        user=_user(run),
        dry_run=run.dry_run,
        release=release(),
        configuration=configuration_digest(export),
        cid=export.cid,
        aid=export.aid,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        full=run.full,
        force=run.force,
        ignore_guards=run.ignore_guards,
        ending=run.ending,
        chosen=tuple(chosen),
        privacy=None if is_refused else load_agreement(run),
    )
    trail_of(export, run.workspace).append([event], run.now())


def record_end(run: ExportRun, report: RunReport, segments: Sequence[Segment]) -> None:
    """Record the outcome of each segment and the end of a run, and delete entries that are too old.

    Args:
        run: The run.
        report: Its report.
        segments: Its segments.

    Raises:
        TransientError: The workspace refuses.
    """
    trail = trail_of(run.export, run.workspace)
    consent = {one.audience: column for one in segments if (column := _consent_column(run.export, one))}
    try:
        trail.append(events_of(report, user=_user(run), consent_columns=consent), run.now())
    except CustomerMatchError as error:
        raise TransientError(
            f"The run has ended and its report is in {run.folder}, but the audit trail could not be written: {error}"
        ) from None
    _delete_old_entries(run, trail)


def _user(run: ExportRun) -> str | None:
    """Who started a run: a user of Airflow, or of this system."""
    return user_of_system() if run.kind is RunKind.COMMAND_LINE else name_of_user(run.ordered_by)


def user_of_system() -> str | None:
    """Return the user of this system; None if it has no name for the user id, as in some containers."""
    try:
        return name_of_user(getuser())
    except (OSError, KeyError):
        return None


def _consent_column(export: Export, segment: Segment) -> str | None:
    consent = export.for_segment(segment).consent
    return consent.column if consent else None


def _delete_old_entries(run: ExportRun, trail: Trail) -> None:
    """Delete entries that are too old. The run is recorded, so a fault must not fail it."""
    days, now = run.export.audit_days, run.now()
    try:
        trail.delete_before((now - timedelta(days=days)).date(), now, audit_days=days)
    except CustomerMatchError as error:
        log.warning("Old entries of the audit trail in %s could not be deleted: %s", trail.folder, error)
