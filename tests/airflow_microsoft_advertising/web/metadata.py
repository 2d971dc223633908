"""Exports in a metadata database, as the DAG processor and runs leave them there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.models.asset import AssetActive, AssetModel, TaskInletAssetReference
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.dag import DagModel, DagTag
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.utils.types import DagRunTriggeredByType, DagRunType

from airflow_microsoft_advertising.pages import stored_overview as module
from airflow_microsoft_advertising.tags import TAG

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from customer_match.history.overview import Overview

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
BUNDLE = "pages"


def add_export(
    session: Session, name: str, *tags: str, overview: Overview | None = None, **fields: Any
) -> None:
    """Add the DAG of an export; with an overview, also its asset."""
    if session.get(DagBundleModel, BUNDLE) is None:
        session.add(DagBundleModel(name=BUNDLE))
        session.flush()
    values: dict[str, Any] = {"bundle_name": BUNDLE, "is_stale": False, "is_paused": False} | fields
    dag = DagModel(dag_id=name, timetable_type="", max_active_tasks=1, **values)
    dag.tags = [DagTag(name=tag, dag_id=name) for tag in (TAG, *tags)]
    session.add(dag)
    session.flush()
    if overview is not None:
        _add_overview(session, name, overview)


def add_run(
    session: Session, name: str, number: int, state: str = "success", note: str | None = None
) -> None:
    """Add a run of an export, so many hours after the first."""
    due = NOW - timedelta(days=30) + timedelta(hours=number)
    run = (
        DagRun(
            dag_id=name, run_id=f"run-{number}", run_type=DagRunType.MANUAL, logical_date=None, run_after=due,
            triggered_by=DagRunTriggeredByType.REST_API, state=state,
        )
    )  # fmt: skip
    run.note = note
    session.add(run)
    session.flush()


def _add_overview(session: Session, name: str, overview: Overview) -> None:
    asset = AssetModel(name=f"{name} audiences", uri=f"{name} audiences", group="asset")
    session.add(asset)
    session.flush()
    session.add(AssetActive.for_asset(asset))
    session.add(TaskInletAssetReference(asset_id=asset.id, dag_id=name, task_id="report"))

    class Store:
        def set(self, key: str, value: Any) -> None:
            session.add(AssetStateStoreModel(asset_id=asset.id, key=key, value=json.dumps(value)))

    module._write(overview, Store())
    session.flush()
