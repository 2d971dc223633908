"""Forms that browsers send."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_microsoft_advertising.web.forms import PostedDep


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()

    @app.post("/")
    def show(posted: PostedDep) -> dict[str, str]:
        return {"a": posted.text("a"), "b": posted.text("b")}

    return TestClient(app)


def test_the_values_of_fields(client: TestClient) -> None:
    answer = client.post("/", data={"a": " two\r\nlines é ", "x": ""})
    assert answer.json() == {"a": "two\nlines é", "b": ""}


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"a=%ff", 400), (b"\xff", 400), (b"a=1&" * 20_000, 400), (b"a" * (1 << 20) + b"b", 413)],
)
def test_what_is_no_form_is_refused(client: TestClient, content: bytes, code: int) -> None:
    assert client.post("/", content=content).status_code == code
