"""The provider's description: valid by Airflow's schema, and everything that it names exists."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files

import jsonschema
import pytest
from airflow.plugins_manager import AirflowPlugin

from airflow_microsoft_advertising.provider_info import get_provider_info
from customer_match.project import PROJECT

INFO = get_provider_info()


def test_airflow_accepts_the_description() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_it_names_the_package_and_version_of_pyproject() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert (INFO["package-name"], INFO["versions"]) == (project["name"], [project["version"]])


def _named() -> Iterator[str]:
    for kind in ("hooks", "operators", "triggers"):
        for entry in INFO[kind]:
            yield from entry["python-modules"]
    yield from (entry["hook-class-name"] for entry in INFO["connection-types"])
    yield from (entry["plugin-class"] for entry in INFO["plugins"])
    yield from INFO["extra-links"]


@pytest.mark.parametrize("path", _named())
def test_what_it_names_can_be_imported(path: str) -> None:
    module, _, name = path.rpartition(".")
    if name[:1].islower():
        assert import_module(path)
    else:
        assert isinstance(getattr(import_module(module), name), type)


def test_its_plugin_is_one_and_bears_its_name() -> None:
    [entry] = INFO["plugins"]
    module, _, name = entry["plugin-class"].rpartition(".")
    plugin = getattr(import_module(module), name)
    assert issubclass(plugin, AirflowPlugin)
    assert plugin.name == entry["name"]
