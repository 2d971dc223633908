"""Changes that another site asks a user's browser for."""

from __future__ import annotations

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from airflow_microsoft_advertising.web.app import create_app
from airflow_microsoft_advertising.web.same_origin import is_own, refuse_other_sites

HOST, PUBLIC = "api-server:8080", "https://airflow.contoso.com/team"
OWN = [
    {"sec-fetch-site": "same-origin", "origin": "https://anything"},
    {"origin": f"http://{HOST}"},
    {"origin": "https://airflow.contoso.com"},  # a proxy in front of Airflow
    {"authorization": "Bearer x"},
]
FOREIGN: list[dict[str, str]] = [
    {},
    {"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "https://airflow.contoso.com.evil.example"},
    {"origin": "https://evil.example", "authorization": "Basic x"},
]


@pytest.mark.parametrize("headers", OWN)
def test_own_pages_and_programs(headers: dict[str, str]) -> None:
    assert is_own({"host": HOST, **headers}, PUBLIC)


@pytest.mark.parametrize("headers", FOREIGN)
def test_other_sites(headers: dict[str, str]) -> None:
    assert not is_own({"host": HOST, **headers}, PUBLIC)


def test_an_unknown_public_address_permits_nothing_more() -> None:
    assert not is_own({"host": HOST, "origin": "null"}, "")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_changes_are_refused_and_reading_is_not(method: str) -> None:
    app = FastAPI(dependencies=[Depends(refuse_other_sites)])
    app.api_route("/", methods=[method, "GET"])(lambda: "done")
    client = TestClient(app)
    refused = client.request(method, "/", headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert "did not come from a page of Airflow itself" in refused.text
    assert client.request(method, "/", headers={"Origin": "http://testserver"}).text == '"done"'
    assert client.get("/", headers={"Origin": "https://evil.example"}).text == '"done"'


def test_the_pages_refuse_them() -> None:
    assert [one.dependency for one in create_app().router.dependencies] == [refuse_other_sites]
