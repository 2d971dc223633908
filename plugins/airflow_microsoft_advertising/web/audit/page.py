"""The page of an export's audit trail: its newest entries, and on request whether the whole trail is sound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_microsoft_advertising.web.templates import Frame, render
from customer_match.audit.table import entries_of
from customer_match.errors import CustomerMatchError
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from airflow_microsoft_advertising.web.listing import ListedExport
    from customer_match.audit.trail import Trail
    from customer_match.audit.verification import Verdict

__all__ = ["ENTRIES", "TrailView", "trail_html", "view_of"]

ENTRIES: Final = 100
"""How many entries the page shows."""


@dataclass(frozen=True)
class TrailView:
    """What the page shows of a trail.

    Attributes:
        entries: The newest entries, the newest first.
        verdict: The result of the verification; None if nobody asked for it.
        fault: Why the trail cannot be read; None normally.
    """

    entries: Sequence[dict[str, Any]] = ()
    verdict: Verdict | None = None
    fault: str | None = None


def view_of(trail: Trail, *, verify: bool) -> TrailView:
    """Read the newest entries of a trail.

    Args:
        trail: The trail.
        verify: Read and verify all entries. This takes longer the longer the export has existed.
    """
    try:
        verdict = trail.verify() if verify else None
    except CustomerMatchError as error:
        return TrailView(fault=without_addresses(str(error)))
    try:
        entries = entries_of(trail.read(newest=ENTRIES))[-ENTRIES:]
    except CustomerMatchError as error:
        return TrailView(verdict=verdict, fault=without_addresses(str(error)))
    return TrailView(entries[::-1], verdict)


def trail_html(export: ListedExport, view: TrailView, frame: Frame) -> str:
    """Render the page.

    Args:
        export: The export.
        view: What is shown of its trail.
        frame: What all pages need.
    """
    rows = [
        {**entry, "whole": without_addresses(json.dumps(entry, indent=1, ensure_ascii=False))}
        for entry in view.entries
    ]
    return render("audit.html.j2", frame, export=export, view=view, rows=rows)
