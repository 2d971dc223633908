"""The page of one export: its configuration in words, its last runs, and their course as plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_microsoft_advertising.web.exports_page import HOW, export_state
from airflow_microsoft_advertising.web.templates import Frame, as_html, render
from customer_match.errors import CustomerMatchError
from customer_match.history.table import History
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_microsoft_advertising.web.listing import ListedExport
    from airflow_microsoft_advertising.web.rights import Rights
    from customer_match.runs.report_page import Plot
    from customer_match.workspace.workspace import Workspace

__all__ = ["RUNS", "Past", "export_html", "past_of"]

RUNS: Final = 30
"""How many runs the page shows."""


@dataclass(frozen=True)
class Past:
    """What is known of the last runs of an export.

    Attributes:
        runs: The columns of `run_summary` for each run, the newest first; None is unknown.
        course: How many of them the plots show: dry runs are left out.
        plots: Their course; none if it is too short.
        fault: Why the history cannot be read; None normally.
    """

    runs: Sequence[dict[str, Any]] = ()
    course: int = 0
    plots: Sequence[Plot] = ()
    fault: str | None = None


def past_of(workspace: Workspace, export: str) -> Past:
    """Read the last runs of an export from the history in its workspace."""
    try:
        return _past(History(workspace, export).read(runs=RUNS))
    except CustomerMatchError as error:
        return Past(fault=without_addresses(str(error)))


def _past(history: pa.Table) -> Past:
    from customer_match.history.plots import plots_of  # noqa: PLC0415 - imports matplotlib
    from customer_match.history.summaries import run_summary  # noqa: PLC0415 - imports pandas
    from customer_match.history.trends import MIN_RUNS, trend_of  # noqa: PLC0415 - as above

    summary = run_summary(history)
    if summary.empty:
        return Past()
    rows = summary.astype(object).where(summary.notna(), None).to_dict("records")
    trend = trend_of(history)
    plots = plots_of(trend) if len(trend) >= MIN_RUNS else []
    return Past(runs=[dict(row) for row in reversed(rows)], course=len(trend), plots=plots)


def export_html(export: ListedExport, past: Past, documentation: str, rights: Rights, frame: Frame) -> str:
    """Render the page.

    Args:
        export: The export.
        past: Its last runs.
        documentation: The documentation of its DAG in Markdown, in English; HTML in it is shown as text.
        rights: What the user may do.
        frame: What all pages need.
    """
    word, how = export_state(export)
    return render(
        "export.html.j2",
        frame,
        export=export,
        rights=rights,
        word=word,
        how=how,
        hows={str(state): value for state, value in HOW.items()},
        past=past,
        documentation=as_html(documentation),
    )
