"""The page of all exports: for each audience a line that shows at a glance whether it is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from airflow_microsoft_advertising.web.listing import ListedExport
from airflow_microsoft_advertising.web.rights import Rights
from airflow_microsoft_advertising.web.templates import Frame, as_html, render
from customer_match.history.overview import AudienceOverview
from customer_match.history.sparklines import sparkline
from customer_match.runs.states import RunState
from microsoft_advertising.limits import MIN_MEMBERS_FOR_BIDS, MIN_SERVABLE_MEMBERS

__all__ = ["HOW", "Asked", "export_state", "exports_html", "select_exports"]

_OLD: Final = timedelta(days=2)
"""Age of a source table from which it is marked."""

SHOWN: Final = {
    "all": "all exports",
    "attention": "what needs attention",
    "paused": "paused exports",
    "never": "exports without a run",
}
"""Which exports can be shown, in words."""
SORTS: Final = {"title": "name", "newest": "newest run", "attention": "what needs attention"}
"""By what they can be sorted, in words."""

STATES: Final = ("file not valid", "no run yet", "queued", "running")
"""Words for states besides those of `RunState`."""
SERVING: Final = ("not known yet", "too small to serve", "serves", "serves, bids may be raised")
"""Words for whether ads are served."""

HOW: Final = {
    RunState.SUCCESS: "good",
    RunState.DRY_RUN: "good",
    RunState.PARTIAL: "warn",
    RunState.GUARD: "warn",
    RunState.FAILED: "bad",
    RunState.TIMED_OUT: "bad",
}
"""How good each state of a run is."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """What the user asked to see.

    Attributes:
        text: Part of the name of an export, a table or an audience; upper case does not matter.
        show: One of `SHOWN`.
        sort: One of `SORTS`.
    """

    text: str = ""
    show: str = "all"
    sort: str = "title"


class _Course(NamedTuple):
    """The members of an audience over some runs: the first and last known number, and all of them as bars."""

    runs: int
    first: int | None
    last: int | None
    bars: str


def export_state(export: ListedExport) -> tuple[str, str]:
    """Return a word for the state of an export and how good it is: good, warn, bad or none."""
    if export.is_broken:
        return "file not valid", "bad"
    run = export.last_run
    if run and run.state in {"queued", "running"}:
        return run.state, "none"
    has_failed = run is not None and run.state == "failed"
    if export.overview and not (has_failed and run and run.run_id != export.overview.run_id):
        return export.overview.state.value, HOW[export.overview.state]
    if has_failed:
        return "failed", "bad"
    return "no run yet", "none"


def last_words(export: ListedExport) -> str | None:
    """Return the note of the last run as HTML, if that run failed before it had results; otherwise None."""
    run, overview = export.last_run, export.overview
    if run is None or not run.note or run.state != "failed" or (overview and overview.run_id == run.run_id):
        return None
    return as_html(run.note)


def select_exports(exports: Sequence[ListedExport], asked: Asked) -> list[ListedExport]:
    """Choose and sort the exports that the user asked for."""
    shown: dict[str, Callable[[ListedExport], bool]] = {
        "all": lambda _: True,
        "attention": _needs_attention,
        "paused": lambda export: export.is_paused,
        "never": lambda export: export.last_run is None,
    }
    sorts: dict[str, Callable[[ListedExport], Any]] = {
        "newest": lambda export: _NEVER - (export.last_run.due if export.last_run else _NEVER),
        "attention": lambda export: not _needs_attention(export),
    }
    is_shown = shown.get(asked.show, shown["all"])
    found = [export for export in exports if is_shown(export) and _contains(export, asked.text.casefold())]
    return sorted(found, key=sorts[asked.sort]) if asked.sort in sorts else found


def _needs_attention(export: ListedExport) -> bool:
    audiences = export.overview.audiences if export.overview else ()
    return (
        bool(export.detached)
        or export_state(export)[1] in {"warn", "bad"}
        or any(one.outcome and not one.outcome.good for one in audiences)
    )


def _contains(export: ListedExport, text: str) -> bool:
    names = [export.title, export.dag_id]
    for one in export.overview.audiences if export.overview else ():
        names += [one.audience, one.segment or ""]
    return any(text in name.casefold() for name in names)


def exports_html(exports: Sequence[ListedExport], asked: Asked, rights: Rights, frame: Frame) -> str:
    """Render the page.

    Args:
        exports: All exports that the user may see.
        asked: What of them is shown.
        rights: What the user may do.
        frame: What all pages need.
    """
    return render(
        "exports.html.j2",
        frame,
        exports=select_exports(exports, asked),
        total=len(exports),
        asked=asked,
        shown=SHOWN,
        sorts=SORTS,
        rights=rights,
        old=_OLD,
        state_of=export_state,
        last_words_of=last_words,
        course_of=_course,
        trend_of=_trend,
        serving_of=_serving,
    )


def _course(audience: AudienceOverview) -> _Course:
    known = [count for count in audience.members_course if count is not None]
    first, last = (known[0], known[-1]) if known else (None, None)
    return _Course(len(audience.members_course), first, last, sparkline(known))


def _trend(audience: AudienceOverview) -> float | None:
    """By how much the match rate changed over the runs; None if less than two runs know it."""
    known = [rate for rate in audience.match_course if rate is not None]
    return known[-1] - known[0] if len(known) > 1 else None


def _serving(audience: AudienceOverview) -> tuple[str, str]:
    """Whether ads are served to an audience of this size, and how good that is."""
    unknown, small, serves, bids = SERVING
    if audience.size is None:
        return unknown, "none"
    if audience.size < MIN_SERVABLE_MEMBERS:
        return small, "warn"
    return (serves if audience.size < MIN_MEMBERS_FOR_BIDS else bids), "good"
