"""The route that shows the requests for erasure in an export's workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, Response

from airflow_microsoft_advertising.web.answers import with_script
from airflow_microsoft_advertising.web.erasures.page import RequestsView, requests_html, view_of
from airflow_microsoft_advertising.web.found_export import DagId, find_export
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.reports import workspace_of
from customer_match.errors import CustomerMatchError
from customer_match.redaction import without_addresses

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG

__all__ = ["router"]

router = APIRouter()


@router.get(
    "/exports/{dag_id}/erasures", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))]
)
def erasures(dag_id: DagId, session: SessionDep, frame: FrameDep) -> Response:
    """Show the requests for erasure; they name keyed ids only, and the page does not show these either."""
    found = find_export(dag_id, session)
    return with_script(requests_html(found.listed, _view(found.dag), frame), frame)


def _view(dag: SerializedDAG) -> RequestsView:
    try:
        workspace = workspace_of(dag)
    except CustomerMatchError as error:
        return RequestsView(fault=without_addresses(str(error)))
    return view_of(workspace) if workspace else RequestsView()
