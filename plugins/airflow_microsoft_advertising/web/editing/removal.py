"""The page that removes an export: what becomes of its audiences, and its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from sqlalchemy import select

from airflow_microsoft_advertising.web.templates import Frame, render

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from airflow_microsoft_advertising.web.listing import ListedExport
    from customer_match.drafts.folder import StoredFile

__all__ = ["EndingRun", "Removal", "newest_ending", "removal_html"]


@dataclass(frozen=True)
class EndingRun:
    """The newest run of an export, if it empties or deletes all audiences.

    Attributes:
        run_id: Its id.
        ending: What it does with them: empty or delete.
        state: Airflow's state: queued, running, success or failed.
    """

    run_id: str
    ending: str
    state: str


@dataclass(frozen=True)
class Removal:
    """What the page shows.

    Attributes:
        stored: The file of the export.
        names: The audiences that the file names.
        export: What Airflow knows of the export; None before Airflow has read its file.
        run: The run that has ended the audiences, or is doing so; None if a later run may have filled them again.
        is_writable: Whether the API server can remove the file.
        may_run: Whether the user may start runs.
        failure: Why the file was not removed; empty normally.
    """

    stored: StoredFile
    names: Sequence[str]
    export: ListedExport | None
    run: EndingRun | None
    is_writable: bool
    may_run: bool
    failure: str = ""

    @property
    def audiences(self) -> dict[str, int | None]:
        """The members of each audience, as far as they are known."""
        overview = self.export.overview if self.export else None
        known = {one.audience: one.members for one in overview.audiences} if overview else {}
        return {**dict.fromkeys(self.names), **known}


def newest_ending(dag_id: str, session: Session) -> EndingRun | None:
    """Return the newest run of a DAG if it ends all audiences; a dry run, or one of some audiences, does not."""
    newest = select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(1)
    run = session.scalar(newest)
    conf: Mapping[str, Any] = run.conf if run and isinstance(run.conf, dict) else {}
    if run is None or conf.get("ending") not in {"empty", "delete"}:
        return None
    if conf.get("dry_run") or conf.get("segments"):
        return None
    return EndingRun(run.run_id, conf["ending"], str(run.state))


def removal_html(name: str, removal: Removal, frame: Frame) -> str:
    """Render the page.

    Args:
        name: The name of the export.
        removal: What the page shows.
        frame: What all pages need.
    """
    return render("removal.html.j2", frame, export=name, removal=removal)
