"""The page of one export: stopped segments, its last runs and their course, guards, and its configuration in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from airflow_microsoft_advertising.web.exports_page import HOW, export_state
from airflow_microsoft_advertising.web.rights import Rights
from airflow_microsoft_advertising.web.templates import Frame, as_html, render
from customer_match.errors import CustomerMatchError
from customer_match.history.guarded import FiredGuard, fired_guards, still_stopped
from customer_match.history.table import History
from customer_match.redaction import logger, without_addresses
from customer_match.runs.decisions import REASON_LENGTH
from customer_match.runs.findings import version_of
from customer_match.runs.folders import report_file
from customer_match.runs.report import RunReport, SegmentReport

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_microsoft_advertising.web.listing import ListedExport
    from airflow_microsoft_advertising.web.rights import Rights
    from customer_match.runs.report_page import Plot
    from customer_match.workspace.workspace import Workspace

__all__ = ["RUNS", "Past", "Problem", "Stopped", "export_html", "past_of"]

log = logger(__name__)

RUNS: Final = 30
"""How many runs the page shows."""

_MOST_REPORTS: Final = 10
"""How many reports the page reads at most: that of the last run, and those of runs with stopped segments."""


@dataclass(frozen=True)
class Stopped:
    """A segment that guards stopped in its newest run.

    Attributes:
        run_id: The run.
        state: Airflow's state of the run; None if Airflow does not know it.
        segment: The segment in the report of the run.
    """

    run_id: str
    state: str | None
    segment: SegmentReport

    @property
    def version(self) -> str:
        """The version of the findings that the page shows."""
        return version_of(self.segment.findings)

    @property
    def is_going_on(self) -> bool:
        """Whether the run has not ended."""
        return self.state in {"queued", "running"}

    @property
    def awaits_decision(self) -> bool:
        """Whether somebody can decide now."""
        return self.segment.awaits_decision and self.state is not None and not self.is_going_on


@dataclass(frozen=True)
class Past:
    """What is known of the last runs of an export.

    Attributes:
        runs: The columns of `run_summary` for each run, the newest first; None is unknown.
        course: How many of them the plots show: dry runs are left out.
        plots: Their course; none if it is too short.
        fault: Why the history cannot be read; None normally.
        fired: What guards have stopped in these runs, the newest first.
        stopped: The segments that are stopped now.
        last: The report of the last run that was no dry run; None if there is none.
    """

    runs: Sequence[dict[str, Any]] = ()
    course: int = 0
    plots: Sequence[Plot] = ()
    fault: str | None = None
    fired: Sequence[FiredGuard] = ()
    stopped: Sequence[Stopped] = ()
    last: RunReport | None = None


@dataclass(frozen=True)
class Problem:
    """Why a decision was not kept.

    Attributes:
        kind: One of `Obstacle`, or `storage`.
        details: What else is known.
        audience: The audience of the segment.
        why: The reason that the user had written.
    """

    kind: str
    details: str = ""
    audience: str = ""
    why: str = ""


StatesOf = Callable[[Collection[str]], Mapping[str, str]]
"""Airflow's states of runs by their ids; runs that it does not know are left out."""


def past_of(workspace: Workspace, export: str, states_of: StatesOf) -> Past:
    """Read the last runs of an export from the history and the reports in its workspace."""
    try:
        history = History(workspace, export).read(runs=RUNS)
        return _past(history, _Reports(workspace, export), states_of)
    except CustomerMatchError as error:
        return Past(fault=without_addresses(str(error)))


def _past(history: pa.Table, reports: _Reports, states_of: StatesOf) -> Past:
    from customer_match.history.plots import plots_of  # noqa: PLC0415 - imports matplotlib
    from customer_match.history.summaries import run_summary  # noqa: PLC0415 - imports pandas
    from customer_match.history.trends import MIN_RUNS, trend_of  # noqa: PLC0415 - as above

    summary = run_summary(history)
    if summary.empty:
        return Past()
    rows = summary.astype(object).where(summary.notna(), None).to_dict("records")
    trend = trend_of(history)
    return Past(
        runs=[dict(row) for row in reversed(rows)],
        course=len(trend),
        plots=plots_of(trend) if len(trend) >= MIN_RUNS else [],
        fired=fired_guards(history),
        last=reports.of(sent[-1]) if (sent := _real_runs(history)) else None,
        stopped=_stopped(history, reports, states_of),
    )


def _real_runs(history: pa.Table) -> list[str]:
    """The runs without dry runs, the oldest first."""
    rows = history.select(["run_id", "dry_run"]).to_pylist()
    return [row["run_id"] for row in rows if not row["dry_run"]]


def _stopped(history: pa.Table, reports: _Reports, states_of: StatesOf) -> list[Stopped]:
    found = still_stopped(history)
    states = states_of({one.run_id for one in found}) if found else {}
    return [
        Stopped(one.run_id, states.get(one.run_id), segment)
        for one in found
        if (segment := reports.segment(one.run_id, one.audience))
    ]


@dataclass
class _Reports:
    """The reports of an export's runs, each read once."""

    workspace: Workspace
    export: str
    known: dict[str, RunReport | None] = field(default_factory=dict)

    def of(self, run_id: str) -> RunReport | None:
        """Read a report; None if there is none, or if too many were read."""
        if run_id not in self.known and len(self.known) < _MOST_REPORTS:
            self.known[run_id] = self._read(run_id)
        return self.known.get(run_id)

    def segment(self, run_id: str, audience: str) -> SegmentReport | None:
        """Return a segment of a report."""
        report = self.of(run_id)
        return next((one for one in report.segments if one.audience == audience), None) if report else None

    def _read(self, run_id: str) -> RunReport | None:
        try:
            return RunReport.model_validate_json(self.workspace.read_bytes(report_file(self.export, run_id)))
        except FileNotFoundError:
            return None
        except ValidationError:
            log.warning("The report of the run %s of %s is damaged", run_id, self.export)
            return None


def export_html(
    export: ListedExport,
    past: Past,
    documentation: str,
    rights: Rights,
    frame: Frame,
    *,
    problem: Problem | None = None,
    detached: str = "",
) -> str:
    """Render the page.

    Args:
        export: The export.
        past: Its last runs.
        documentation: The documentation of its DAG in Markdown, in English; HTML in it is shown as text.
        rights: What the user may do.
        frame: What all pages need.
        problem: Why a decision of the user was not kept; None normally.
        detached: The connection that the export names, if it does not exist; empty normally.
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
        may_decide=export.dag_id in rights.decide,
        problem=problem,
        detached=detached,
        longest_reason=REASON_LENGTH,
    )
