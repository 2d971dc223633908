"""The route that shows the audit trail of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dagbag import DBDagBag
from fastapi import APIRouter, Depends, Path, Query, Response, status

from airflow_microsoft_advertising.audit.heads import VariableHeads
from airflow_microsoft_advertising.web.answers import message, with_script
from airflow_microsoft_advertising.web.audit.page import TrailView, trail_html, view_of
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.listing import list_exports
from airflow_microsoft_advertising.web.reports import workspace_of, workspace_root_of
from airflow_microsoft_advertising.web.viewing import MAX_ID
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
    dag_id: Annotated[str, Path(max_length=MAX_ID)],
    session: SessionDep,
    frame: FrameDep,
    verify: Annotated[bool, Query()] = False,
) -> Response:
    """Show the newest entries of an export's audit trail; with `verify`, verify all of them."""
    dag = DBDagBag(load_op_links=False).get_latest_version_of_dag(dag_id, session=session)
    found = list_exports([dag_id], session)
    if not found or dag is None:
        return message("No export", f"There is no export {dag_id}.", status.HTTP_404_NOT_FOUND)
    return with_script(trail_html(found[0], _view(dag, dag_id, verify=verify), frame), frame)


def _view(dag: SerializedDAG, export: str, *, verify: bool) -> TrailView:
    try:
        workspace = workspace_of(dag)
    except CustomerMatchError as error:
        return TrailView(fault=without_addresses(str(error)))
    if workspace is None:  # a file that is not valid: its DAG has no tasks that name a workspace
        return TrailView()
    return view_of(Trail(workspace, export, VariableHeads(export, workspace_root_of(dag))), verify=verify)
