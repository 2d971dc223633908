"""The table of behaviours, its page, and the simulator's independence."""

from __future__ import annotations

import ast
import re

from include.simulator.behaviours import BEHAVIOURS, Basis, render
from include.simulator.codes import CODES
from include.simulator.settings import Settings
from tests.simulator.api import ROOT

SOURCES = sorted((ROOT / "include" / "simulator").rglob("*.py"))


def test_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "simulator.md").read_text()
    assert page == render(), "run: python -m include.simulator.behaviours > docs/simulator.md"


def test_every_behaviour_is_labelled_once() -> None:
    assert {entry.basis for entry in BEHAVIOURS} == set(Basis)
    assert len({(entry.area, entry.what) for entry in BEHAVIOURS}) == len(BEHAVIOURS)
    assert all(entry.source and "|" not in entry.what + entry.source for entry in BEHAVIOURS)


def test_codes_and_settings_that_the_table_names_exist() -> None:
    text = " ".join(entry.what for entry in BEHAVIOURS)
    named = {int(number) for number in re.findall(r"(?<![\d,])(?:32|42|48|69|80)\d\d(?![\d,])", text)}
    assert named <= set(CODES)
    assert len(named) > 30
    settings = set(re.findall(r"`([a-z]+_[a-z_]+)`", text)) - {"invalid_grant", "unauthorized_client"}
    assert settings - {"invalid_client"} <= set(Settings.model_fields)


def test_imports_nothing_of_the_client() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                own = module.startswith("include.") and not module.startswith("include.simulator")
                assert not own or module == "include.errors", f"{path} imports {module}"
                assert not module.startswith(("airflow", "bingads")), f"{path} imports {module}"
