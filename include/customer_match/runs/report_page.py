"""The report of a run as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2

from customer_match.runs.report import RunReport
from customer_match.runs.report_text import changes_of, state_of, unusable_lists

__all__ = ["Plot", "html_of"]


@dataclass(frozen=True)
class Plot:
    """A picture for the page.

    Attributes:
        title: What it shows.
        svg: The picture as an SVG element, made by this project.
    """

    title: str
    svg: str


def html_of(
    report: RunReport, plots: Sequence[Plot] = (), sparklines: Mapping[str, str] | None = None
) -> str:
    """Render the report as a self-contained HTML page without scripts or external resources.

    Args:
        report: The report.
        plots: Pictures of the last runs.
        sparklines: The members of each audience after the last runs that delivered it, as text.
    """
    from customer_match.runs.report_tables import as_cells, segment_table  # noqa: PLC0415 - it imports pandas

    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    counts = as_cells(segment_table(report), "–").to_dict("records")
    rows = sorted(zip(report.segments, counts, strict=True), key=lambda row: row[0].outcome.good)
    page = jinja2.Environment(autoescape=True).from_string(template)
    return page.render(
        report=report,
        state=state_of(report),
        tiles=list(_tiles(report)),
        plots=plots,
        sparklines=sparklines or {},
        rows=rows,
        rejects=next((segment.rejects for segment in report.segments if segment.rejects), None),
        unusable=unusable_lists(report),
        changes=changes_of(report),
    )


def _tiles(report: RunReport) -> Iterator[tuple[str, str]]:
    would = "would be " if report.dry_run else ""
    yield f"{len(report.segments) - report.failed} / {len(report.segments)}", "segments succeeded"
    yield _total(report, "profiles"), "profiles read"
    yield _total(report, "members"), "members of the segments"
    yield _total(report, "added"), f"{would}added"
    yield _total(report, "removed"), f"{would}removed"


def _total(report: RunReport, field: str) -> str:
    """A total in words: of replaced audiences it may not be known how many members are removed."""
    known = [value for one in report.segments if (value := getattr(one, field)) is not None]
    has_unknown = field == "removed" and any(one.replaced and one.removed is None for one in report.segments)
    if not known:
        return "unknown" if has_unknown else "–"
    return f"{'at least ' if has_unknown else ''}{sum(known):,}"
