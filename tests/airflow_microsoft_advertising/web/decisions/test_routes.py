"""The route of decisions: rights, answers, and what the page says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api import security
from airflow.models.log import Log
from airflow.utils.session import create_session
from fastapi.testclient import TestClient
from sqlalchemy import select

from airflow_microsoft_advertising.web import found_export, viewing
from airflow_microsoft_advertising.web.app import create_app
from airflow_microsoft_advertising.web.decisions import routes as module
from airflow_microsoft_advertising.web.decisions.deciding import Asked, CannotDecide, Obstacle
from airflow_microsoft_advertising.web.reports import NoReport
from airflow_microsoft_advertising.web.rights import rights_of
from customer_match.errors import TransientError
from customer_match.runs.decisions import REASON_LENGTH, Verdict
from tests.airflow_microsoft_advertising.web.test_exports_page import export

FORM = {"run_id": "run-1", "audience": "VIPs", "shown": "v1", "verdict": "approved", "why": "as planned"}
RUN, CLEAR = ("POST", DagAccessEntity.RUN), ("PUT", DagAccessEntity.TASK_INSTANCE)


def manager(*granted: tuple[str, Any]) -> Any:
    """An auth manager that allows some things only."""
    return SimpleNamespace(
        is_authorized_dag=lambda method, access_entity=None, **_: (method, access_entity) in granted
    )


@pytest.fixture
def decided(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What was decided by a user who may run the export and clear its tasks."""
    found: list[Asked] = []
    monkeypatch.setattr(module, "workspace_of_run", lambda *_: None)
    monkeypatch.setattr(module, "decide", lambda asked, *_: found.append(asked))
    for one in (security, viewing):
        monkeypatch.setattr(one, "get_auth_manager", lambda: manager(RUN, CLEAR))
    dags = SimpleNamespace(
        get_latest_version_of_dag=lambda *_, **__: SimpleNamespace(doc_md="", task_dict={})
    )
    monkeypatch.setattr(found_export, "DBDagBag", lambda **_: dags)
    monkeypatch.setattr(found_export, "list_exports", lambda dag_ids, _: [export(one) for one in dag_ids])
    return found


@pytest.fixture
def client(airflow_db: Path) -> Iterator[TestClient]:
    app = create_app()
    user = SimpleNamespace(
        get_id=lambda: "1",
        get_name=lambda: "anna@example.com",
        get_display_name=lambda: "Anna",  # Airflow 3.4
    )
    app.dependency_overrides[security.get_user] = lambda: user
    with TestClient(app, follow_redirects=False, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        yield client


def send(client: TestClient, **changes: str) -> Any:
    return client.post("/exports/autumn/decisions?lang=fr", data=FORM | changes)


def test_a_decision_leads_back_to_the_page(client: TestClient, decided: list[Asked]) -> None:
    answer = send(client)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/customer-match/exports/autumn?lang=fr#stopped",
    )
    assert decided == [
        Asked("autumn", "run-1", "VIPs", "v1", Verdict.APPROVED, "as planned", "anna@example.com")
    ]
    with create_session() as session:
        logged = session.scalars(select(Log).where(Log.event == "customer_match.decide")).all()
    assert [(one.dag_id, one.owner) for one in logged] == [("autumn", "anna@example.com")]


@pytest.mark.parametrize("granted", [(), (RUN,), (CLEAR,)])
def test_both_rights_are_needed(
    client: TestClient, decided: list[Asked], monkeypatch: pytest.MonkeyPatch, granted: Any
) -> None:
    monkeypatch.setattr(security, "get_auth_manager", lambda: manager(*granted))
    assert send(client).status_code == 403
    assert decided == []


@pytest.mark.parametrize(("granted", "may"), [((RUN, CLEAR), True), ((RUN,), False), ((CLEAR,), False)])
def test_the_form_is_for_those_with_both_rights(airflow_db: Path, granted: Any, may: bool) -> None:
    assert ("autumn" in rights_of(None, manager(*granted), ["autumn"]).decide) is may


def test_other_sites_are_refused(client: TestClient, decided: list[Asked]) -> None:
    client.headers["Sec-Fetch-Site"] = "cross-site"
    assert send(client).status_code == 403
    assert decided == []


@pytest.mark.usefixtures("decided")
@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (CannotDecide(Obstacle.NO_REASON), 400, "Indiquez pourquoi."),
        (CannotDecide(Obstacle.OLDER, "run-2"), 409, "Une exécution plus récente"),
        (NoReport("no run"), 409, "Airflow ne connaît plus cette exécution."),
        (
            TransientError("The storage of anna@example.com is away."),
            502,
            "The storage of [address] is away.",
        ),
    ],
)
def test_what_was_not_kept_is_said(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, words: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "decide", fails)
    answer = send(client)
    assert answer.status_code == code
    assert words in answer.text
    assert "'nonce-" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("changes", [{"verdict": "maybe"}, {"why": "x" * (REASON_LENGTH + 1)}])
def test_what_no_form_sends(client: TestClient, decided: list[Asked], changes: dict[str, str]) -> None:
    assert send(client, **changes).status_code in {400, 422}
    assert decided == []
