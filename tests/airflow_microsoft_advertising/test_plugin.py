"""What Airflow must load of our plugin: it passes over wrong parts in silence, and for some hides the whole plugin.

`tests/system/test_plugin.py` asks a real API server the same.
"""

from __future__ import annotations

from typing import Any

import pytest

from airflow_microsoft_advertising.plugin import MicrosoftAdvertisingPlugin

LOADED = {
    "external_views": ["customer-match", "customer-match-connections"],
    "fastapi_apps": ["/customer-match"],
    "listeners": ["airflow_microsoft_advertising.listener"],
    "operator_extra_links": [
        "<airflow_microsoft_advertising.links.AudienceLink object>",
        "<airflow_microsoft_advertising.links.ReportLink object>",
    ],
    "timetables": ["airflow_microsoft_advertising.alerts.timetable.DeadlineTimetable"],
}
"""Each part that the plugin declares, with the names of its members: texts, or the first of `_NAMES` of a mapping."""

_NAMES = ("url_prefix", "url_route", "name")


def parts_of(plugin: dict[str, Any]) -> dict[str, list[str]]:
    """Return the parts of a plugin that are not empty, as Airflow's API describes it."""
    return {
        part: [
            one if isinstance(one, str) else next(one[key] for key in _NAMES if key in one) for one in values
        ]
        for part, values in plugin.items()
        if part not in {"name", "source"} and values
    }


def as_the_api_shows_it() -> dict[str, Any]:
    """Return our plugin like the API server, which leaves out plugins that it cannot describe."""
    from airflow.api_fastapi.core_api.datamodels.plugins import PluginResponse
    from airflow.plugins_manager import get_plugin_info

    [ours] = [one for one in get_plugin_info() if one["name"] == MicrosoftAdvertisingPlugin.name]
    described: dict[str, Any] = PluginResponse.model_validate(ours).model_dump()
    return described


def test_every_part_is_loaded() -> None:
    assert parts_of(as_the_api_shows_it()) == LOADED


def test_a_wrong_part_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A view without a name, for example: Airflow's page of plugins then has no trace of the plugin."""
    monkeypatch.setattr(MicrosoftAdvertisingPlugin, "external_views", [{"href": "/x"}])
    with pytest.raises(ValueError, match="external_views"):
        as_the_api_shows_it()


def test_airflow_reports_no_error() -> None:
    from airflow.plugins_manager import get_import_errors

    assert not [source for source in get_import_errors() if "microsoft_advertising" in source]
