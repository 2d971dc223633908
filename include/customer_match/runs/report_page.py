"""The report of a run as an HTML page."""

from __future__ import annotations

from importlib.resources import files

import jinja2

from customer_match.runs.report import RunReport
from customer_match.runs.report_text import changes_of, unusable_lists

__all__ = ["html_of"]


def html_of(report: RunReport) -> str:
    """Render the report as a self-contained HTML page without scripts or external resources."""
    from customer_match.runs.report_tables import as_cells, segment_table  # noqa: PLC0415 - it imports pandas

    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    counts = as_cells(segment_table(report), "–").to_dict("records")
    page = jinja2.Environment(autoescape=True).from_string(template)
    return page.render(
        report=report,
        rows=list(zip(report.segments, counts, strict=True)),
        unusable=unusable_lists(report),
        changes=changes_of(report),
    )
