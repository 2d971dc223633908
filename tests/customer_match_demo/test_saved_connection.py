"""The connection that `make up` saves in Airflow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from customer_match_demo.saved_connection import save_connection
from tests.customer_match_demo.test_stack import ACCOUNT


class Api:
    """Airflow's API, with one connection or none."""

    def __init__(self, extra: dict[str, Any] | None) -> None:
        self.extra = extra
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def create(self, path: str, body: dict[str, Any]) -> bool:
        assert path == "/connections"
        if self.extra is None:
            self.sent.append(("created", body))
        return self.extra is None

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/connections/microsoft_advertising_default"
        return {"extra": json.dumps(self.extra)}

    def patch(self, path: str, body: dict[str, Any]) -> None:
        assert path == "/connections/microsoft_advertising_default"
        self.sent.append(("changed", body))


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        (None, ["created"]),
        ({"base_url": "http://127.0.0.1:5", "refresh_token": "***"}, ["changed"]),
        ({"base_url": None, "environment": "production"}, []),
        ({"base_url": "https://ads.contoso.com"}, []),
    ],
)
def test_a_connection_to_another_place_is_left_as_it_is(
    extra: dict[str, Any] | None, what: list[str]
) -> None:
    api = Api(extra)
    assert save_connection(api, ACCOUNT) is bool(what)  # type: ignore[arg-type]  # has what is used
    assert [kind for kind, _ in api.sent] == what
    for _, body in api.sent:
        assert body["conn_type"] == "microsoft_advertising"
        assert json.loads(body["extra"])["base_url"] == ACCOUNT["base_url"]
