"""The route that shows the audit trail of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, Query, Response

from airflow_microsoft_advertising.audit.heads import VariableHeads
from airflow_microsoft_advertising.web.answers import with_script
from airflow_microsoft_advertising.web.audit.page import TrailView, trail_html, view_of
from airflow_microsoft_advertising.web.found_export import DagId, find_export
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.reports import workspace_of, workspace_root_of
from customer_match.audit.trail import Trail
from customer_match.errors import CustomerMatchError
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG

__all__ = ["router"]

router = APIRouter()


@router.get(
    "/exports/{dag_id}/audit", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))]
)
def audit_trail(
    *,
    dag_id: DagId,
    session: SessionDep,
    frame: FrameDep,
    verify: Annotated[bool, Query()] = False,
) -> Response:
    """Show the newest entries of an export's audit trail; with `verify`, verify all of them."""
    found = find_export(dag_id, session)
    return with_script(trail_html(found.listed, _view(found.dag, dag_id, verify=verify), frame), frame)


def _view(dag: SerializedDAG, export: str, *, verify: bool) -> TrailView:
    try:
        workspace = workspace_of(dag)
    except CustomerMatchError as error:
        return TrailView(fault=without_addresses(str(error)))
    if workspace is None:  # a file that is not valid: its DAG has no tasks that name a workspace
        return TrailView()
    return view_of(Trail(workspace, export, VariableHeads(export, workspace_root_of(dag))), verify=verify)
