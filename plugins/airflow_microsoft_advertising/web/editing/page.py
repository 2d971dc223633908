"""The page with the form of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_microsoft_advertising.web.editing.draft import Draft
from airflow_microsoft_advertising.web.editing.form import Form
from airflow_microsoft_advertising.web.templates import Frame, render

__all__ = ["Page", "form_html"]


@dataclass(frozen=True)
class Page:
    """What the page shows.

    Attributes:
        form: The form.
        file: The file that is written.
        is_new: Whether it becomes a new file.
        is_writable: Whether the API server can write it.
        digest: Of the file when it was read; empty for a new one.
        copied: The export that is copied; empty if none is.
        connections: Connections to Microsoft Advertising to choose from.
        lakes: Connections of lakes to choose from.
        detached: Whether the connection to Microsoft Advertising does not exist.
        draft: The file as it would be; None if nobody asked for it.
        failure: Why nothing was saved; empty normally.
        table: The table whose columns were looked at; empty if none was.
        columns: Its columns.
        addresses: The share of its first rows that have a usable address, by column (0 to 1).
        lake_fault: Why the lake cannot be read; empty normally.
    """

    form: Form
    file: Path
    is_new: bool
    is_writable: bool
    digest: str = ""
    copied: str = ""
    connections: tuple[str, ...] = ()
    lakes: tuple[str, ...] = ()
    detached: bool = False
    draft: Draft | None = None
    failure: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()
    addresses: Mapping[str, float] = field(default_factory=dict)
    lake_fault: str = ""

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by the key of the export file."""
        return {problem.key: problem.message for problem in self.draft.problems} if self.draft else {}


def form_html(page: Page, frame: Frame) -> str:
    """Render the page."""
    values = {name: getattr(page, name) for name in (*Page.__dataclass_fields__, "errors")}
    return render("editing.html.j2", frame, **values)
