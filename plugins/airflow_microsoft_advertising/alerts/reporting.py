"""Ends a run: makes its report and announces it; also for runs that Airflow stopped before their task `report`.

A run that takes longer than `run_timeout_hours` is ended by the scheduler, which skips all unfinished tasks, `report`
too (Airflow 3.3.2). Then it requests the DAG's failure callback, which runs in the DAG processor, with connections but
without the metadata database. A `report` task that was killed is made up for in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.alerts.announcing import announce
from airflow_microsoft_advertising.run.context import lease_holder
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.upload import Upload
from airflow_microsoft_advertising.stopped_runs import was_timed_out
from customer_match.alerts.conditions import findings_of, findings_without_report
from customer_match.errors import CustomerMatchError
from customer_match.redaction import logger
from customer_match.runs.report_text import stopped_by_time_limit

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment
    from customer_match.runs.report import RunReport

__all__ = ["announce_nothing_selected", "end_run", "report_and_announce"]

log = logger(__name__)


def report_and_announce(
    run: ExportRun,
    segments: Sequence[Segment],
    *,
    is_complete: bool,
    stopped: str | None = None,
    timed_out: bool = False,
) -> RunReport:
    """Write the report of a run, and announce what it shows.

    Args:
        run: The run.
        segments: Its segments.
        is_complete: Whether these are all segments of the export.
        stopped: Why the run was stopped before its end; None if it was not.
        timed_out: Whether that was its time limit.
    """
    report = write_report(run, segments, is_complete=is_complete, timed_out=timed_out)
    if alerts := run.export.alerts:
        announce(run, findings_of(report, alerts.rejected_above, is_complete=is_complete, stopped=stopped))
    return report


def announce_nothing_selected(run: ExportRun, reason: str, *, timed_out: bool = False) -> None:
    """Announce a run that failed before it had segments; its report says why, and it is in the history.

    Args:
        run: The run.
        reason: Why it failed, and what to do.
        timed_out: Whether that was its time limit.
    """
    try:
        write_report(run, (), timed_out=timed_out, message=reason)
    except Exception as error:  # noqa: BLE001 (what prevents the report may also be the reason to announce it)
        log.warning("The report could not be written: %s: %s", type(error).__name__, error)
    announce(run, findings_without_report(reason))


def end_run(run: ExportRun, context: Context, segments: Sequence[Segment] | None) -> None:
    """Make up for the task `report` of a run that Airflow stopped before it or while it was running.

    Args:
        run: The run.
        context: The context of the DAG's failure callback.
        segments: The run's segments; None if none were selected.
    """
    timed_out = was_timed_out(str(context.get("reason")))
    log.info(
        "The run %s of %s ended without its task `report`; its report is made now",
        run.run_id,
        run.export.name,
    )
    reason = (
        stopped_by_time_limit(run.export.run_timeout_hours)
        if timed_out
        else "The task `report` did not finish: see its log in Airflow. Clear it to make the report."
    )
    if segments is None:
        announce_nothing_selected(run, reason, timed_out=timed_out)
        return
    _release_leases(run, context, segments)
    try:
        is_complete = not context["params"]["segments"]
        report_and_announce(run, segments, is_complete=is_complete, stopped=reason, timed_out=timed_out)
    except Exception as error:  # noqa: BLE001 (what prevents the report may also be the reason to announce it)
        log.error("The report could not be written: %s: %s", type(error).__name__, error)  # noqa: TRY400 (redacted)
        announce(run, findings_without_report(reason))


def _release_leases(run: ExportRun, context: Context, segments: Sequence[Segment]) -> None:
    """Let other runs work on the audiences at once: Airflow has stopped the tasks that would have released them.

    A task that is still being stopped does no harm: whoever writes a ledger first stops the other one.
    """
    for segment in segments:
        try:
            Upload.of(run, segment, holder=lease_holder(context)).release()
        except CustomerMatchError as error:
            log.warning("The lease of %r was not released, and expires: %s", segment.audience, error)
