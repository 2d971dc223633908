"""The route that takes decisions on what guards have found."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.api_fastapi.logging.decorators import action_logging
from fastapi import APIRouter, Depends, Form, Response, status

from airflow_microsoft_advertising.web.answers import see
from airflow_microsoft_advertising.web.decisions.deciding import Asked, CannotDecide, Obstacle, decide
from airflow_microsoft_advertising.web.found_export import MAX_ID, DagId
from airflow_microsoft_advertising.web.frames import FrameDep
from airflow_microsoft_advertising.web.reports import NoReport, workspace_of_run
from airflow_microsoft_advertising.web.viewing import Problem, show_export
from customer_match.errors import CustomerMatchError
from customer_match.redaction import logger, without_addresses
from customer_match.runs.decisions import REASON_LENGTH, Verdict

__all__ = ["router"]

log = logger(__name__)

router = APIRouter()

# To let a run go on is to run the export and to clear tasks: Airflow asks for the same rights there.
_may_run = Depends(requires_access_dag("POST", DagAccessEntity.RUN))
_may_clear = Depends(requires_access_dag("PUT", DagAccessEntity.TASK_INSTANCE))
_audited = Depends(action_logging("customer_match.decide"))


@router.post("/exports/{dag_id}/decisions", dependencies=[_may_run, _may_clear, _audited])
def decisions(
    *,
    dag_id: DagId,
    run_id: Annotated[str, Form(max_length=MAX_ID)],
    audience: Annotated[str, Form(max_length=1_000)],
    shown: Annotated[str, Form(max_length=100)],
    verdict: Annotated[Verdict, Form()],
    why: Annotated[str, Form(max_length=REASON_LENGTH)] = "",
    session: SessionDep,
    user: GetUserDep,
    frame: FrameDep,
) -> Response:
    """Keep a decision, and show the page of the export again."""
    asked = Asked(dag_id, run_id, audience, shown, verdict, why, user.get_name())
    try:
        decide(asked, workspace_of_run(dag_id, run_id, session), session, frame.now)
    except CannotDecide as error:
        code = (
            status.HTTP_400_BAD_REQUEST if error.obstacle is Obstacle.NO_REASON else status.HTTP_409_CONFLICT
        )
        problem = Problem(error.obstacle, error.details, audience, why)
    except NoReport:
        code, problem = status.HTTP_409_CONFLICT, Problem(Obstacle.NO_RUN, "", audience, why)
    except CustomerMatchError as error:
        log.warning("The decision on %s in the run %s was not kept: %s", audience, run_id, error)
        code, problem = (
            status.HTTP_502_BAD_GATEWAY,
            Problem("storage", without_addresses(str(error)), audience, why),
        )
    else:
        return see(
            f"{API_ROOT_PATH}customer-match/exports/{quote(dag_id, safe='')}?lang={frame.language.code}#stopped"
        )
    return show_export(dag_id, session, user, frame, problem=problem, code=code)
