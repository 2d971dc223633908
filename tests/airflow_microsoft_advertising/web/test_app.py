"""The pages: who may see them. (`tests/system/test_report_links.py` asks a real API server.)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.core_api import security
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from airflow_microsoft_advertising.plugin import MicrosoftAdvertisingPlugin
from airflow_microsoft_advertising.web import found_export
from airflow_microsoft_advertising.web import viewing as pages
from airflow_microsoft_advertising.web.app import create_app
from airflow_microsoft_advertising.web.connection_lookup import find_connection
from customer_match.errors import TransientError
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.web.test_exports_page import export

REPORT = "/reports/autumn/manual__2026-11-30T05:00:00+00:00"


@pytest.fixture
def app(airflow_db: Path) -> FastAPI:
    return create_app()


@pytest.fixture
def asked(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What Airflow was asked about a signed-in user, who may read the DAG `autumn` alone."""
    found: list[dict[str, Any]] = []

    def is_authorized_dag(**question: Any) -> bool:
        found.append(question)
        return bool("details" in question and question["details"].id == "autumn")

    manager = SimpleNamespace(is_authorized_dag=is_authorized_dag)
    for module in (security, pages):
        monkeypatch.setattr(module, "get_auth_manager", lambda: manager)
    app.dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_id=lambda: "1")
    return found


def routes(app: FastAPI) -> list[APIRoute]:
    assert all(isinstance(route, APIRoute) for route in app.routes), (
        "no pages of FastAPI itself, which are open to all"
    )
    return [route for route in app.routes if isinstance(route, APIRoute)]


def test_every_route_asks_for_a_login(app: FastAPI) -> None:
    client = TestClient(app)
    assert {route.path for route in routes(app)} == {
        "/exports",
        "/exports/{dag_id}",
        "/exports/{dag_id}/audit",
        "/exports/{dag_id}/erasures",
        "/exports/{dag_id}/decisions",
        "/exports/{dag_id}/edit",
        "/exports/{dag_id}/ledgers",
        "/exports/{dag_id}/remove",
        "/exports/{dag_id}/removed",
        "/exports/{dag_id}/saved",
        "/new",
        "/connections",
        "/connections/new",
        "/connections/signed-in",
        "/connection/{connection_id}",
        "/connection/{connection_id}/account",
        "/connection/{connection_id}/remove",
        "/connection/{connection_id}/sign-in",
        "/reports/{dag_id}/{run_id}",
        "/reports/{dag_id}/{run_id}/{file}",
    }
    for route in routes(app):
        path = re.sub(r"\{\w+\}", "x", route.path)
        for method in route.methods:
            refused = (
                401 if method == "GET" else 403
            )  # what changes something must also come from our own pages
            assert client.request(method, path).status_code == refused
            own = {"Sec-Fetch-Site": "same-origin"}
            assert client.request(method, path, headers=own).status_code == 401
        if "GET" not in route.methods:
            continue
        led = client.get(path, headers={"Accept": "text/html"}, follow_redirects=False)
        assert led.status_code == 307
        assert led.headers["location"].startswith("/api/v2/auth/login?next=%2F")


def test_only_reports_of_dags_that_the_user_may_read(
    app: FastAPI, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "read_report", lambda dag_id, run_id, *_, **__: f"<h1>{dag_id} {run_id}</h1>")
    client = TestClient(app)
    answer = client.get(REPORT)
    assert (answer.status_code, answer.text) == (200, "<h1>autumn manual__2026-11-30T05:00:00+00:00</h1>")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    kept = client.get(f"{REPORT}/report.json")
    assert kept.headers["content-disposition"].startswith('attachment; filename="autumn-')
    assert kept.headers["content-disposition"].endswith('.json"')
    assert kept.headers["content-type"].startswith("application/json")
    assert client.get(f"{REPORT}/report.html").headers["content-type"].startswith("text/html")
    assert client.get(f"{REPORT}/members.parquet").status_code == 422
    denied = client.get(REPORT.replace("autumn", "spring"))
    assert denied.status_code == 403
    assert "<h1>" not in denied.text
    assert denied.headers["cache-control"] == "private, no-store"
    assert {(one["method"], str(one["access_entity"])) for one in asked} == {("GET", "DagAccessEntity.RUN")}


def test_a_dag_of_someone_else_has_no_report(app: FastAPI, asked: list[dict[str, Any]]) -> None:
    answer = TestClient(app).get(REPORT)
    assert answer.status_code == 404
    assert "There is no run manual__2026-11-30T05:00:00+00:00 of an export autumn." in answer.text


def test_a_workspace_that_cannot_be_opened(
    app: FastAPI, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> str:
        raise TransientError("The storage of <b>anna@example.com</b> cannot be reached.")

    monkeypatch.setattr(pages, "read_report", fails)
    answer = TestClient(app).get(REPORT)
    assert answer.status_code == 502
    assert "The storage of" in answer.text
    assert "<b>" not in answer.text
    assert "example.com" not in answer.text


def test_only_exports_that_the_user_may_read_are_listed(
    app: FastAPI, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the buttons for what the user may do, and a script that only this page can have."""

    def is_authorized_dag(method: str, details: Any = None, **_: Any) -> bool:
        return method == "GET" or (method == "POST" and details.id == "autumn")

    manager = SimpleNamespace(
        is_authorized_dag=is_authorized_dag, get_authorized_dag_ids=lambda **_: {"autumn", "spring"}
    )
    for module in (security, pages):
        monkeypatch.setattr(module, "get_auth_manager", lambda: manager)
    monkeypatch.setattr(pages, "list_exports", lambda dag_ids, _: [export(one) for one in sorted(dag_ids)])
    answer = TestClient(app).get("/exports", params={"lang": "fr"}, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    assert re.findall(r'data-dag="(\w+)"', answer.text) == ["autumn", "spring"]
    assert answer.text.count("data-run>") == 1
    assert "data-pause=" not in answer.text
    assert '<html lang="fr">' in answer.text
    [nonce] = re.findall(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"])
    assert f'<script nonce="{nonce}">' in answer.text
    assert TestClient(app).get("/exports").headers["content-security-policy"].count(nonce) == 0


def test_an_export_has_a_page(
    app: FastAPI, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dags = SimpleNamespace(
        get_latest_version_of_dag=lambda *_, **__: SimpleNamespace(doc_md="# Words", task_dict={})
    )
    monkeypatch.setattr(found_export, "DBDagBag", lambda **_: dags)
    monkeypatch.setattr(found_export, "list_exports", lambda dag_ids, _: [export(one) for one in dag_ids])
    monkeypatch.setattr(pages, "get_auth_manager", security.get_auth_manager)
    answer = TestClient(app).get("/exports/autumn")
    assert answer.status_code == 200
    assert "<h1>Words</h1>" in answer.text
    assert "There was no run yet." in answer.text
    assert "'nonce-" in answer.headers["content-security-policy"]
    assert TestClient(app).get("/exports/spring").status_code == 403

    def fails(_: object) -> None:
        raise TransientError("The storage does not answer.")

    monkeypatch.setattr(pages, "workspace_of", fails)
    assert "cannot be read: The storage does not answer." in TestClient(app).get("/exports/autumn").text


def test_an_export_whose_connection_is_gone_is_detached(
    app: FastAPI, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    upload = SimpleNamespace(microsoft_advertising_conn_id=connect("ads"))
    dag = SimpleNamespace(doc_md="", task_dict={"segment.upload": upload})
    dags = SimpleNamespace(get_latest_version_of_dag=lambda *_, **__: dag)
    monkeypatch.setattr(found_export, "DBDagBag", lambda **_: dags)
    monkeypatch.setattr(found_export, "list_exports", lambda dag_ids, _: [export(one) for one in dag_ids])
    assert "detached" not in TestClient(app).get("/exports/autumn").text
    monkeypatch.delenv("AIRFLOW_CONN_ADS")
    assert "The connection ads does not exist here" in TestClient(app).get("/exports/autumn").text


def test_the_list_marks_detached_exports_and_looks_each_connection_up_once(
    app: FastAPI, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    manager = SimpleNamespace(
        is_authorized_dag=lambda **_: True,
        get_authorized_dag_ids=lambda **_: {"autumn", "spring", "winter", "typo"},
    )
    for module in (security, pages):
        monkeypatch.setattr(module, "get_auth_manager", lambda: manager)
    monkeypatch.setattr(pages, "list_exports", lambda dag_ids, _: [export(one) for one in sorted(dag_ids)])
    named = {"autumn": connect("ads"), "spring": "gone", "winter": "gone"}
    monkeypatch.setattr(
        pages, "connections_of", lambda dag_ids, _: {one: named[one] for one in dag_ids if one in named}
    )
    looked_up: list[str] = []

    def find(conn_id: str) -> object:
        looked_up.append(conn_id)
        return find_connection(conn_id)

    monkeypatch.setattr(pages, "find_connection", find)
    seen = TestClient(app).get("/exports").text
    marked = [
        part.split('"')[0] for part in seen.split('data-dag="')[1:] if "The connection gone does not" in part
    ]
    assert marked == ["spring", "winter"]
    assert seen.count("detached") == 2
    assert sorted(looked_up) == ["ads", "gone"]


def test_what_is_no_export_has_no_page(app: FastAPI, asked: list[dict[str, Any]]) -> None:
    answer = TestClient(app).get("/exports/autumn")
    assert answer.status_code == 404
    assert "There is no export autumn." in answer.text


def test_a_user_who_may_read_no_dag_sees_no_exports(app: FastAPI, asked: list[dict[str, Any]]) -> None:
    assert TestClient(app).get("/exports").status_code == 403


def test_the_plugin_gives_them_to_airflow(app: FastAPI) -> None:
    [mounted] = MicrosoftAdvertisingPlugin().fastapi_apps
    assert mounted["url_prefix"] == "/customer-match"
    assert [route.path for route in mounted["app"].routes] == [route.path for route in app.routes]
