"""The page of the requests for erasure, and its route."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.core_api import security
from fastapi.testclient import TestClient
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.web import found_export
from airflow_microsoft_advertising.web.app import create_app
from airflow_microsoft_advertising.web.erasures import routes
from airflow_microsoft_advertising.web.erasures.page import REQUESTS, RequestsView, requests_html, view_of
from airflow_microsoft_advertising.web.languages import language_of
from airflow_microsoft_advertising.web.templates import Frame
from customer_match.erasure.evidence import AudienceEvidence, Evidence, Outcome, Requests
from customer_match.errors import ConfigurationError
from customer_match.workspace.workspace import Workspace
from tests.airflow_microsoft_advertising.web.metadata import NOW
from tests.airflow_microsoft_advertising.web.test_exports_page import export, text

AT = datetime(2026, 6, 1, tzinfo=UTC)
IDS = ("0123456789abcdef" * 2,)
DONE = Evidence(
    request="2026-06-01-aaaaaaaa",
    received=date(2026, 6, 1),
    people=2,
    ids=IDS,
    register_number=1,
    audiences=(
        AudienceEvidence(
            account="2", audience="Größe <1>", outcome=Outcome.REMOVED, removed=3, uploads=("77",), at=AT
        ),
        AudienceEvidence(account="2", audience="Silver", outcome=Outcome.NOT_A_MEMBER, at=AT),
    ),
    checked_at=AT,
)
PENDING = DONE.model_copy(
    update={
        "request": "2026-06-02-bbbbbbbb",
        "audiences": (
            AudienceEvidence(
                account="2", audience="Gold", outcome=Outcome.PENDING, reason="Another run holds it.", at=AT
            ),
        ),
        "runs_not_ended": ("staged/a/1",),
        "unreached": ("The file b.yaml is not valid.",),
    }
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(LocalFileSystem(), str(tmp_path))


def page(view: RequestsView, language: str = "en") -> str:
    return requests_html(export(), view, Frame(language_of(language), "/flow/", NOW, "n0nce"))


def test_each_request_says_what_became_of_it(workspace: Workspace) -> None:
    for one in (DONE, PENDING):
        Requests(workspace).write(one)
    html = page(view_of(workspace))
    seen = text(html)
    assert seen.index("2026-06-02-bbbbbbbb") < seen.index("2026-06-01-aaaaaaaa"), "the newest first"
    assert "Größe <1> (2): removed · 77" in seen.replace("&lt;", "<").replace("&gt;", ">")
    assert "<1>" not in html, "as text, not as HTML"
    assert "Gold (2): pending – Another run holds it." in seen
    assert "The file b.yaml is not valid." in seen
    assert "staged/a/1 has not ended" in seen
    assert seen.count("customer-match forget --pending") == 1
    assert IDS[0] not in html


def test_there_is_none_yet(workspace: Workspace) -> None:
    assert "There is no request in the workspace of this export." in text(page(view_of(workspace)))


def test_only_the_newest_are_shown(workspace: Workspace) -> None:
    for number in range(REQUESTS + 5):
        Requests(workspace).write(DONE.model_copy(update={"request": f"2026-06-01-{number:08x}"}))
    view = view_of(workspace)
    assert (len(view.requests), view.total) == (REQUESTS, REQUESTS + 5)
    assert "100 of 105" in text(page(view))


def test_damaged_evidence_is_said(workspace: Workspace) -> None:
    workspace.write_bytes("erasure/requests/2026-06-01-aaaaaaaa.json", b"torn")
    seen = text(page(view_of(workspace)))
    assert "The requests cannot be read: The evidence in erasure/requests/2026-06-01-aaaaaaaa.json" in seen
    assert "There is no request" not in seen


def test_it_speaks_french(workspace: Workspace) -> None:
    Requests(workspace).write(DONE)
    seen = text(page(view_of(workspace), "fr"))
    assert "Demandes d’effacement" in seen
    assert "terminée" in seen
    assert "retirées" in seen


@pytest.fixture
def client(airflow_db: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A signed-in user, who may read the DAG `autumn` alone; both DAGs exist."""

    def is_authorized_dag(**question: Any) -> bool:
        return bool(question["details"].id == "autumn")

    monkeypatch.setattr(
        security, "get_auth_manager", lambda: SimpleNamespace(is_authorized_dag=is_authorized_dag)
    )
    dags = SimpleNamespace(get_latest_version_of_dag=lambda *_, **__: SimpleNamespace())
    monkeypatch.setattr(found_export, "DBDagBag", lambda **_: dags)
    monkeypatch.setattr(found_export, "list_exports", lambda dag_ids, _: [export(one) for one in dag_ids])
    monkeypatch.setattr(routes, "workspace_of", lambda _: workspace)
    app = create_app()
    app.dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_id=lambda: "1")
    return TestClient(app)


def test_only_who_may_read_the_runs_sees_it(client: TestClient, workspace: Workspace) -> None:
    Requests(workspace).write(DONE)
    assert "2026-06-01-aaaaaaaa" in client.get("/exports/autumn/erasures").text
    refused = client.get("/exports/spring/erasures")
    assert refused.status_code == 403
    assert "2026-06-01-aaaaaaaa" not in refused.text


def test_an_export_that_is_none(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_export, "list_exports", lambda *_: [])
    assert client.get("/exports/autumn/erasures").status_code == 404


def test_a_workspace_that_cannot_be_opened(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise ConfigurationError("There is no connection for anna@example.com.")

    monkeypatch.setattr(routes, "workspace_of", fails)
    seen = client.get("/exports/autumn/erasures").text
    assert "The requests cannot be read: There is no connection for [address]" in seen
