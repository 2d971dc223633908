"""What a real API server has loaded of our plugin and provider: Airflow passes over wrong parts in silence."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_microsoft_advertising.plugin import MicrosoftAdvertisingPlugin
from tests.airflow_microsoft_advertising.test_plugin import LOADED, parts_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def test_the_api_server_has_every_part_of_the_plugin(installation: Any) -> None:
    plugins = installation.api.get("/plugins", limit=100)["plugins"]
    [ours] = [plugin for plugin in plugins if plugin["name"] == MicrosoftAdvertisingPlugin.name]
    assert parts_of(ours) == LOADED
    errors = installation.api.get("/plugins/importErrors")["import_errors"]
    assert not [error for error in errors if "microsoft_advertising" in str(error)]


def test_the_api_server_has_the_provider(installation: Any) -> None:
    providers = installation.api.get("/providers", limit=1_000)["providers"]
    assert "customer-match-airflow" in {provider["package_name"] for provider in providers}


def test_connections_are_saved_with_a_port(installation: Any) -> None:
    """What the plugin does when the API server loads it."""
    body = {"connection_id": "by_api", "conn_type": "microsoft_advertising", "login": "id"}
    installation.api.post("/connections", body)
    assert installation.api.get("/connections/by_api")["port"] == 443
