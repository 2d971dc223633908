"""Keeps a decision on what guards have found, if the user has seen what is true now.

Airflow's human-in-the-loop operators (3.1) are not used: a run that waits for a person would be the one run of its
export (`max_active_runs`), and all later ones would wait too. A stopped run ends, and is cleared after the decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from airflow.models.dagrun import DagRun
from airflow.utils.state import DagRunState
from sqlalchemy import select

from airflow_microsoft_advertising.web.decisions.clearing import StillRunning, go_on, make_report
from customer_match.audit.events import name_of_user
from customer_match.history.guarded import GUARDED_COLUMNS, GUARDED_RUNS, newest_runs, still_stopped
from customer_match.history.table import History
from customer_match.redaction import logger
from customer_match.runs.decisions import Decision, Verdict
from customer_match.runs.findings import version_of
from customer_match.runs.folders import segment_folder
from customer_match.runs.records import Failure, SegmentRecords

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from customer_match.workspace.workspace import Workspace

__all__ = ["Asked", "CannotDecide", "Obstacle", "decide"]

log = logger(__name__)

_GOING_ON: Final = {DagRunState.QUEUED, DagRunState.RUNNING}


class Obstacle(StrEnum):
    """Why a decision is not kept."""

    NO_REASON = "no reason"
    NO_RUN = "no run"
    GOING_ON = "going on"
    OLDER = "older"
    NOT_STOPPED = "not stopped"
    CHANGED = "changed"
    DECIDED = "decided"


class CannotDecide(Exception):
    """A decision was not kept, and nothing has changed.

    Args:
        obstacle: Why not.
        details: What else is known: who has decided already, or which run is newer.
    """

    def __init__(self, obstacle: Obstacle, details: str = "") -> None:
        super().__init__(f"{obstacle}: {details}")
        self.obstacle = obstacle
        self.details = details


@dataclass(frozen=True)
class Asked:
    """What a user has decided.

    Attributes:
        export: Name of the export, and of its DAG.
        run_id: The run.
        audience: The stopped segment's audience.
        shown: The version of the findings that the user has seen, as `version_of` returns it.
        verdict: The decision.
        why: The reason.
        user: Name of the user.
    """

    export: str
    run_id: str
    audience: str
    shown: str
    verdict: Verdict
    why: str
    user: str


def decide(asked: Asked, workspace: Workspace, session: Session, now: datetime) -> None:
    """Keep a decision. After an approval the segment goes on, after a refusal the report of the run is made again.

    Args:
        asked: The decision.
        workspace: The workspace of the run.
        session: Session of Airflow's metadata database.
        now: The present time.

    Raises:
        CannotDecide: The decision is not about what is true now.
        CustomerMatchError: The workspace cannot be read or written.
    """
    why = " ".join(asked.why.split())
    if not why:
        raise CannotDecide(Obstacle.NO_REASON)
    run = _ended_run(asked, session)
    _check_newest(asked, workspace)
    _keep(
        asked, why, SegmentRecords(workspace, segment_folder(asked.export, asked.run_id, asked.audience)), now
    )
    log.info(
        "%s: %s of %s in the run %s", name_of_user(asked.user), asked.verdict, asked.audience, asked.run_id
    )
    try:
        if asked.verdict is Verdict.APPROVED:
            go_on(run, asked.audience, session)
        else:
            make_report(run, session)
    except StillRunning:
        raise CannotDecide(Obstacle.GOING_ON) from None


def _ended_run(asked: Asked, session: Session) -> DagRun:
    run: DagRun | None = session.scalar(
        select(DagRun).where(DagRun.dag_id == asked.export, DagRun.run_id == asked.run_id)
    )
    if run is None:
        raise CannotDecide(Obstacle.NO_RUN)
    if run.state in _GOING_ON:
        raise CannotDecide(Obstacle.GOING_ON)
    return run


def _check_newest(asked: Asked, workspace: Workspace) -> None:
    """Refuse a decision on a run if a newer one has worked on the segment, or if it is not stopped."""
    history = History(workspace, asked.export).read(runs=GUARDED_RUNS, columns=GUARDED_COLUMNS)
    stopped = {one.audience: one.run_id for one in still_stopped(history)}
    newest = newest_runs(history).get(asked.audience)
    if stopped.get(asked.audience) == asked.run_id:
        return
    if newest is not None and newest != asked.run_id:
        raise CannotDecide(Obstacle.OLDER, newest)
    raise CannotDecide(Obstacle.NOT_STOPPED)


def _keep(asked: Asked, why: str, records: SegmentRecords, now: datetime) -> None:
    """Keep the decision, unless it is kept already because Airflow could not be told to go on the last time."""
    failure, decisions = records.read(Failure), records.decisions.read()
    if failure is None or not failure.findings:
        raise CannotDecide(Obstacle.NOT_STOPPED)
    if version_of(failure.findings) != asked.shown:
        raise CannotDecide(Obstacle.CHANGED)
    for known in decisions:
        if known.is_on(failure.findings):
            if known.verdict is asked.verdict is Verdict.APPROVED:
                return
            raise CannotDecide(Obstacle.DECIDED, known.signature)
    made = Decision(
        verdict=asked.verdict,
        by=name_of_user(asked.user) or "unknown",
        at=now,
        why=why,
        findings=failure.findings,
    )
    try:
        records.decisions.add(made, after=len(decisions))
    except FileExistsError:
        raise CannotDecide(Obstacle.DECIDED) from None
