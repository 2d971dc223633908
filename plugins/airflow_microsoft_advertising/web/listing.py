"""What Airflow's metadata database knows of the exports: their DAGs, last runs and overviews. No storage is read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow.models.asset import TaskInletAssetReference
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.dag import DagModel, DagTag
from airflow.models.dagrun import DagRun, DagRunNote
from sqlalchemy import func, select

from airflow_microsoft_advertising.assets.schedule import source_asset
from airflow_microsoft_advertising.pages.stored_overview import HEAD_KEY, join_overview
from airflow_microsoft_advertising.tags import BROKEN_TAG, TAG
from customer_match.redaction import logger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from customer_match.history.overview import Overview

__all__ = ["Awaited", "LastRun", "ListedExport", "list_exports", "run_states"]

log = logger(__name__)

_REPORT: Final = "report"
"""The task that has the asset with the overview among its inlets."""


@dataclass(frozen=True)
class LastRun:
    """The newest run of a DAG.

    Attributes:
        run_id: Its id.
        state: Airflow's state: queued, running, success or failed.
        due: When it was due, UTC.
        note: Its note in Markdown, which says how it ended; None without one.
    """

    run_id: str
    state: str
    due: datetime
    note: str | None = None


@dataclass(frozen=True)
class Awaited:
    """The assets whose events start runs.

    Attributes:
        assets: Their names, or their URIs.
        all: Whether a run waits for all of them, not for any.
        is_source: Whether it waits for the tables that the export reads instead.
    """

    assets: tuple[str, ...]
    all: bool = False
    is_source: bool = False


@dataclass(frozen=True)
class ListedExport:
    """One export.

    Attributes:
        dag_id: Its DAG, named like the export.
        title: Its title.
        description: Its description; None without one.
        schedule: At what times it runs, in words; None if at none.
        awaited: The assets that start its runs; None if there are none.
        is_paused: Whether Airflow starts no scheduled runs.
        is_broken: Whether its file is not valid.
        next_run: When the next scheduled run is due, UTC; None if there is none.
        last_run: Its newest run; None if there was none.
        overview: What its last run that sent something has shown; None if there was none since the upgrade.
        detached: The connection that the export names, if it does not exist; empty normally, or if not looked up.
    """

    dag_id: str
    title: str
    description: str | None
    schedule: str | None
    awaited: Awaited | None
    is_paused: bool
    is_broken: bool
    next_run: datetime | None
    last_run: LastRun | None
    overview: Overview | None
    detached: str = ""


def list_exports(dag_ids: Collection[str], session: Session) -> list[ListedExport]:
    """List the exports among some DAGs, by title.

    Args:
        dag_ids: The DAGs that the user may read.
        session: Session of the metadata database; four queries, however many exports there are.
    """
    of_exports = select(DagTag.dag_id).where(DagTag.name == TAG)
    query = select(DagModel).where(DagModel.dag_id.in_(of_exports), DagModel.is_stale.is_(False))
    found = {dag.dag_id: dag for dag in session.scalars(query) if dag.dag_id in dag_ids}
    broken = set(session.scalars(select(DagTag.dag_id).where(DagTag.name == BROKEN_TAG)))
    runs, overviews = _last_runs(found, session), _overviews(found, session)
    exports = [
        ListedExport(
            dag_id=name,
            title=dag.dag_display_name,
            description=dag.description,
            schedule=_schedule(dag),
            awaited=_awaited(name, dag.asset_expression),
            is_paused=dag.is_paused,
            is_broken=name in broken,
            next_run=dag.next_dagrun_create_after,
            last_run=runs.get(name),
            overview=overviews.get(name),
        )
        for name, dag in found.items()
    ]
    return sorted(exports, key=lambda export: export.title.casefold())


def run_states(dag_id: str, run_ids: Collection[str], session: Session) -> dict[str, str]:
    """Return Airflow's states of some runs; runs that Airflow does not know are left out."""
    query = select(DagRun.run_id, DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id.in_(run_ids))
    return {run_id: str(state) for run_id, state in session.execute(query)}


def _schedule(dag: DagModel) -> str | None:
    if not dag.timetable_periodic and dag.next_dagrun_create_after is None:
        return None
    return dag.timetable_description or dag.timetable_summary


def _awaited(dag_id: str, expression: Any) -> Awaited | None:
    """The assets of a DAG's schedule, from what Airflow keeps of it for display."""
    [how, items] = next(iter(expression.items())) if isinstance(expression, dict) and expression else ("", ())
    if how not in {"all", "any"}:
        return None
    found = [next(iter(item.values())) for item in items]
    names = tuple(str(asset.get("name") or asset.get("uri")) for asset in found if isinstance(asset, dict))
    if names == (source_asset(dag_id),):
        return Awaited((), is_source=True)
    return Awaited(names, how == "all" and len(names) > 1) if names else None


def _last_runs(dags: Collection[str], session: Session) -> dict[str, LastRun]:
    newest = select(func.max(DagRun.id)).where(DagRun.dag_id.in_(dags)).group_by(DagRun.dag_id)
    query = (
        select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.run_after, DagRunNote.content)
        .outerjoin(DagRunNote, DagRunNote.dag_run_id == DagRun.id)
        .where(DagRun.id.in_(newest))
    )
    return {name: LastRun(run_id, str(state), *more) for name, run_id, state, *more in session.execute(query)}


def _overviews(dags: Collection[str], session: Session) -> dict[str, Overview]:
    query = (
        select(TaskInletAssetReference.dag_id, AssetStateStoreModel.key, AssetStateStoreModel.value)
        .join(AssetStateStoreModel, AssetStateStoreModel.asset_id == TaskInletAssetReference.asset_id)
        .where(
            TaskInletAssetReference.dag_id.in_(dags),
            TaskInletAssetReference.task_id == _REPORT,
            AssetStateStoreModel.key.startswith(HEAD_KEY, autoescape=True),
        )
    )
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, key, value in session.execute(query):
        values[name][key] = json.loads(value)
    found = {name: _joined(name, stored) for name, stored in values.items()}
    return {name: overview for name, overview in found.items() if overview is not None}


def _joined(name: str, values: Mapping[str, Any]) -> Overview | None:
    try:
        return join_overview(values)
    except (ValueError, KeyError, TypeError) as error:  # of another release, or changed by hand
        log.warning("The overview of %s cannot be used until its next run: %s", name, type(error).__name__)
        return None
