"""The route that shows the requests for erasure in an export's workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dagbag import DBDagBag
from fastapi import APIRouter, Depends, Path, Response, status

from airflow_microsoft_advertising.web.answers import message, with_script
from airflow_microsoft_advertising.web.erasures.page import RequestsView, requests_html, view_of
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.listing import list_exports
from airflow_microsoft_advertising.web.reports import workspace_of
from airflow_microsoft_advertising.web.viewing import MAX_ID
from customer_match.errors import CustomerMatchError
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG

__all__ = ["router"]

router = APIRouter()


@router.get(
    "/exports/{dag_id}/erasures", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))]
)
def erasures(
    dag_id: Annotated[str, Path(max_length=MAX_ID)], session: SessionDep, frame: FrameDep
) -> Response:
    """Show the requests for erasure; they name keyed ids only, and the page does not show these either."""
    dag = DBDagBag(load_op_links=False).get_latest_version_of_dag(dag_id, session=session)
    found = list_exports([dag_id], session)
    if not found or dag is None:
        return message("No export", f"There is no export {dag_id}.", status.HTTP_404_NOT_FOUND)
    return with_script(requests_html(found[0], _view(dag), frame), frame)


def _view(dag: SerializedDAG) -> RequestsView:
    try:
        workspace = workspace_of(dag)
    except CustomerMatchError as error:
        return RequestsView(fault=without_addresses(str(error)))
    return view_of(workspace) if workspace else RequestsView()
