"""The step `report`: writes a run's report into the workspace, as JSON and as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.run.sizes import load_sizes
from customer_match.planning.known_tables import Changes
from customer_match.runs.records import Delivered
from customer_match.runs.report import RunReport
from customer_match.runs.report_building import segment_report
from customer_match.runs.report_page import html_of

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment

__all__ = ["write_report"]


def write_report(run: ExportRun, segments: Sequence[Segment]) -> RunReport:
    """Make the report of a run, and write it into the workspace as JSON and as an HTML page."""
    report = _make_report(run, segments)
    run.workspace.write_bytes(f"{run.folder}/report.json", report.model_dump_json(indent=1).encode())
    run.workspace.write_bytes(f"{run.folder}/report.html", html_of(report).encode())
    for segment in segments:
        delivered = run.records(segment).read(Delivered) if segment.ending else None
        if delivered:
            run.changes.forget(segment, delivered, run.known(segment))
    return report


def _make_report(run: ExportRun, segments: Sequence[Segment]) -> RunReport:
    export, sizes, changes = run.export, load_sizes(run), run.changes.read() or Changes()
    return RunReport(
        export=export.name,
        title=export.title,
        run_id=run.run_id,
        interval_end=run.interval_end,
        finished=run.now(),
        dry_run=run.dry_run,
        full=run.full,
        forced=run.force,
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
            )
            for segment in segments
        ),
    )
