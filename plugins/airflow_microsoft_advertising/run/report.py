"""The step `report`: writes a run's report into the workspace, as JSON, as an HTML page and as rows of the history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from airflow_microsoft_advertising.audit.recording import record_end
from airflow_microsoft_advertising.metrics.run_metrics import send_report
from airflow_microsoft_advertising.metrics.sending import are_on
from airflow_microsoft_advertising.run.checks.permission import load_agreement
from airflow_microsoft_advertising.run.sizes import load_sizes
from customer_match.errors import CustomerMatchError
from customer_match.history.rows import rows_of
from customer_match.history.table import History
from customer_match.planning.known_tables import Changes
from customer_match.redaction import logger
from customer_match.runs.folders import report_file, report_page, run_folder
from customer_match.runs.records import Chunked, Delivered
from customer_match.runs.report import RunReport
from customer_match.runs.report_building import segment_report
from customer_match.runs.report_page import Plot, html_of
from customer_match.workspace.workspace import Workspace

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment

__all__ = ["record_stop", "write_report"]

log = logger(__name__)


def write_report(
    run: ExportRun,
    segments: Sequence[Segment],
    *,
    is_complete: bool = True,
    timed_out: bool = False,
    message: str | None = None,
) -> RunReport:
    """Make the report of a run, write it into the workspace as JSON and as an HTML page, and add it to the history.

    At last, the outcome is recorded in the audit trail.

    Args:
        run: The run.
        segments: Its segments.
        is_complete: Whether these are all segments of the export.
        timed_out: Whether it was ended because it took too long.
        message: Why it has no segments, and what to do; None if it has some.

    Raises:
        TransientError: The outcome cannot be recorded in the audit trail. The report is written.
    """
    earlier = _earlier(run)
    report = _make_report(
        run, segments, earlier=earlier, is_complete=is_complete, timed_out=timed_out, message=message
    )
    run.workspace.write_bytes(_path(run), report.model_dump_json(indent=1).encode())
    _send_metrics(run, report, earlier)
    _record(run, report)
    run.workspace.write_bytes(report_page(run.export.name, run.run_id), _page(run, report).encode())
    _remove_staged(run, report)
    for segment in segments:
        delivered = run.records(segment).read(Delivered) if segment.ending else None
        if delivered:
            run.changes.forget(segment, delivered, run.known(segment))
    record_end(run, report, segments)
    return report


def record_stop(
    run: ExportRun, segments: Sequence[Segment], *, message: str = "The run was stopped."
) -> None:
    """Record in the audit trail that a run is stopped before its report. Faults are logged: the run must stop.

    Args:
        run: The run.
        segments: Its segments.
        message: Why it is stopped.
    """
    try:
        report = _make_report(
            run, segments, earlier=_earlier(run), is_complete=False, timed_out=False, message=message
        )
        record_end(run, report, segments)
    except Exception as error:  # noqa: BLE001 (as above)
        log.warning("The audit trail has no end of this run: %s: %s", type(error).__name__, error)


def _record(run: ExportRun, report: RunReport) -> None:
    """Add the run to the history. Its audiences are delivered, so a fault of the history must not fail it."""
    history = History(run.workspace, run.export.name)
    try:
        history.record(rows_of(report))
        forgotten = history.forget_before((report.finished - timedelta(days=run.export.history_days)).date())
        for run_id in forgotten:
            run.workspace.delete(run_folder(run.export.name, run_id), recursive=True)
    except Exception as error:  # noqa: BLE001 (as above; a library may raise anything)
        log.warning(
            "The run could not be added to the history in %s: %s: %s",
            history.folder,
            type(error).__name__,
            error,
        )


def _remove_staged(run: ExportRun, report: RunReport) -> None:
    """Remove what is no longer needed of this run and of earlier ones. The next run tries again what fails here."""
    try:
        for segment in report.segments:
            if segment.outcome.good:
                run.staged.remove(run.run_id, segment.audience)
        for folder in list(run.staged.expired(report.finished - timedelta(days=run.export.staged_days))):
            run.staged.delete(folder)
    except CustomerMatchError as error:
        log.warning("Staged data could not be removed from the workspace: %s", error)


def _page(run: ExportRun, report: RunReport) -> str:
    """The page with the plots of the last runs, or without them: a fault of the plots must not fail the run."""
    try:
        plots, sparklines = _trends(run.workspace, report.export)
    except Exception as error:  # noqa: BLE001 (as above; a library may raise anything)
        log.warning("The report has no plots of the last runs: %s: %s", type(error).__name__, error)
        plots, sparklines = [], {}
    return html_of(report, plots, sparklines)


def _trends(workspace: Workspace, export: str) -> tuple[list[Plot], dict[str, str]]:
    from customer_match.history import trends  # noqa: PLC0415 - imports pandas

    history = History(workspace, export).read(runs=trends.TREND_RUNS, columns=trends.TREND_COLUMNS)
    trend = trends.trend_of(history)
    if len(trend) < trends.MIN_RUNS:
        return [], {}
    from customer_match.history.plots import plots_of  # noqa: PLC0415 - imports matplotlib

    return plots_of(trend), trends.sparklines_of(history)


def _unfinished_requests(run: ExportRun, segment: Segment) -> tuple[str, ...]:
    """Ids of the uploads of a delivery that has not ended: the service may have received them."""
    chunked = None if run.dry_run else run.records(segment).read(Chunked)
    if chunked is None or chunked.plan is None or run.records(segment).read(Delivered):
        return ()
    try:
        state = run.known(segment)
    except CustomerMatchError:  # the failure of the segment says why
        return ()
    return state.request_ids if state.plan_id == chunked.plan.id else ()


def _earlier(run: ExportRun) -> RunReport | None:
    """The report of the same run before its tasks were cleared; None if there is none, or if it cannot be read."""
    try:
        return RunReport.model_validate_json(run.workspace.read_bytes(_path(run)))
    except (FileNotFoundError, ValidationError):
        return None


def _first_start(run: ExportRun, earlier: RunReport | None) -> datetime:
    """When the run began for the first time: after its tasks were cleared, Airflow knows only the last time."""
    began = run.began or run.now()
    return min(began, (earlier and earlier.started) or began)


def _send_metrics(run: ExportRun, report: RunReport, earlier: RunReport | None) -> None:
    """Send the metrics of the run, if Airflow sends any. A fault of theirs must not fail it."""
    if not are_on():
        return
    try:
        send_report(report, earlier, account=run.hook.account().account_id)
    except Exception as error:  # noqa: BLE001 (as above)
        log.warning("The run has no metrics: %s: %s", type(error).__name__, error)


def _path(run: ExportRun) -> str:
    return report_file(run.export.name, run.run_id)


def _make_report(
    run: ExportRun,
    segments: Sequence[Segment],
    *,
    earlier: RunReport | None,
    is_complete: bool,
    timed_out: bool,
    message: str | None,
) -> RunReport:
    export, sizes, changes = run.export, load_sizes(run), run.changes.read() or Changes()
    return RunReport(
        export=export.name,
        title=export.title,
        run_id=run.run_id,
        kind=run.kind,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        started=_first_start(run, earlier),
        finished=run.now(),
        timed_out=timed_out,
        message=message,
        workspace=export.workspace.locate(),
        dry_run=run.dry_run,
        full=run.full,
        forced=run.force,
        complete=is_complete,
        privacy=load_agreement(run),
        sizes_note=sizes.note if sizes else None,
        vanished=changes.vanished,
        appeared=changes.appeared,
        ending=None if export.vanished == "keep" else export.vanished,
        segments=tuple(
            segment_report(
                segment.table,
                segment.audience,
                run.records(segment),
                dry_run=run.dry_run,
                sizes=sizes.of(segment.audience) if sizes else None,
                unfinished=_unfinished_requests(run, segment),
            )
            for segment in segments
        ),
    )
