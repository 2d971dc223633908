"""What Airflow reads of the package as a provider."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.metadata import entry_points, version
from importlib.resources import files

import pytest
from airflow.plugins_manager import AirflowPlugin
from jsonschema import validate  # type: ignore[import-untyped]  # it has no types

from airflow_microsoft_advertising.hook import (
    MicrosoftAdvertisingHook,
)
from airflow_microsoft_advertising.provider_info import get_provider_info
from tests.airflow_microsoft_advertising.conftest import AGREED, EXTRA


def test_the_provider_is_valid_by_airflows_own_schema() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    validate(get_provider_info(), schema)


def test_the_entry_point_is_registered() -> None:
    [point] = [
        point
        for point in entry_points(group="apache_airflow_provider")
        if point.value.startswith("airflow_microsoft_advertising")
    ]
    assert point.load() is get_provider_info
    info = get_provider_info()
    assert info["versions"] == [version(info["package-name"])]


def test_what_the_provider_names_can_be_imported() -> None:
    [described] = get_provider_info()["connection-types"]
    names = [described["hook-class-name"], *get_provider_info()["extra-links"]]
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert getattr(import_module(module), attribute)
    assert described["connection-type"] == MicrosoftAdvertisingHook.conn_type
    assert described["hook-name"] == MicrosoftAdvertisingHook.hook_name


def test_every_field_of_the_form_is_read_and_secrets_are_hidden() -> None:
    fields = get_provider_info()["connection-types"][0]["conn-fields"]
    terms = {"terms_accepted_by", "terms_accepted_on"}
    people = {*terms, *AGREED, "privacy_withdrawn", "used_by", "signed_in_on"}
    assert set(fields) == {*EXTRA, *people, "environment", "tenant", "base_url", "hosts", "transport"}
    hidden = {name for name, field in fields.items() if field["schema"].get("format") == "password"}
    assert hidden == {"refresh_token", "developer_token"}


def test_airflow_finds_the_hook() -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    hook = ProvidersManagerTaskRuntime().hooks["microsoft_advertising"]  # type: ignore[no-untyped-call]  # Airflow has no types here
    assert hook is not None
    assert (hook.hook_class_name, hook.hook_name) == (
        "airflow_microsoft_advertising.hook.MicrosoftAdvertisingHook",
        "Microsoft Advertising",
    )
    assert hook.connection_testable


@pytest.mark.parametrize("kind", ["hooks", "operators", "triggers"])
def test_its_modules_can_be_imported(kind: str) -> None:
    for entry in get_provider_info()[kind]:
        assert [import_module(module) for module in entry["python-modules"]]


def test_the_plugin_has_an_entry_point_and_is_in_the_description() -> None:
    """Plugins that only the description names are not loaded where providers are found lazily, the default."""
    [entry] = entry_points(group="airflow.plugins", name="microsoft_advertising")
    plugin = entry.load()
    assert issubclass(plugin, AirflowPlugin)
    [described] = get_provider_info()["plugins"]
    assert described == {"name": plugin.name, "plugin-class": entry.value.replace(":", ".")}
