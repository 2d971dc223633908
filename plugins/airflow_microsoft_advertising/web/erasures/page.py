"""The page of the requests for erasure in an export's workspace: what became of each, and what is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.web.templates import Frame, render
from customer_match.erasure.evidence import Evidence, Requests
from customer_match.errors import CustomerMatchError
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from airflow_microsoft_advertising.web.listing import ListedExport
    from customer_match.workspace.workspace import Workspace

__all__ = ["REQUESTS", "RequestsView", "requests_html", "view_of"]

REQUESTS: Final = 100
"""How many requests the page shows."""


@dataclass(frozen=True)
class RequestsView:
    """What the page shows.

    Attributes:
        requests: The newest requests, the newest first.
        total: How many there are.
        fault: Why they cannot be read; None normally.
    """

    requests: Sequence[Evidence] = ()
    total: int = 0
    fault: str | None = None


def view_of(workspace: Workspace) -> RequestsView:
    """Read the requests of a workspace."""
    try:
        found = Requests(workspace).all()
    except CustomerMatchError as error:
        return RequestsView(fault=without_addresses(str(error)))
    return RequestsView(found[::-1][:REQUESTS], len(found))


def requests_html(export: ListedExport, view: RequestsView, frame: Frame) -> str:
    """Render the page.

    Args:
        export: An export of the workspace.
        view: Its requests.
        frame: What all pages need.
    """
    return render("erasures.html.j2", frame, export=export, view=view)
