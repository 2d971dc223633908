"""The table of behaviours: its keys, its codes, its settings, and that each row has a test."""

from __future__ import annotations

import ast
import re
from itertools import groupby

import pytest

from microsoft_advertising_simulator.behaviours.proofs import proofs
from microsoft_advertising_simulator.behaviours.table import AREAS, BEHAVIOURS, Basis
from microsoft_advertising_simulator.codes import CODES
from microsoft_advertising_simulator.settings import Settings
from tests.microsoft_advertising_simulator.api import ROOT

OAUTH_WORDS = {
    "access_denied", "form_post", "invalid_client", "invalid_grant", "invalid_request", "invalid_scope",
    "offline_access", "unauthorized_client",
}  # fmt: skip
SOURCES = sorted((ROOT / "include" / "microsoft_advertising_simulator").rglob("*.py"))


def test_every_behaviour_is_labelled_once() -> None:
    assert {entry.basis for entry in BEHAVIOURS} == set(Basis)
    assert len({entry.key for entry in BEHAVIOURS}) == len(BEHAVIOURS)
    assert len({(entry.area, entry.what) for entry in BEHAVIOURS}) == len(BEHAVIOURS)
    assert all(entry.source and "|" not in entry.what + entry.source for entry in BEHAVIOURS)


def test_keys_are_well_formed_and_grouped_as_the_page_shows_them() -> None:
    for entry in BEHAVIOURS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*", entry.key), entry.key
    areas = [key for key, _ in groupby(entry.area for entry in BEHAVIOURS)]
    assert areas == list(AREAS.values())


def test_every_behaviour_has_a_test_and_every_key_exists() -> None:
    found, known = proofs(), {entry.key for entry in BEHAVIOURS}
    assert sorted(known - set(found)) == [], "no test bears @pytest.mark.behaviour with these keys"
    assert sorted(set(found) - known) == [], (
        "these keys of tests are not in include/microsoft_advertising_simulator/behaviours/table.py"
    )


def test_codes_and_settings_that_the_table_names_exist() -> None:
    text = " ".join(entry.what for entry in BEHAVIOURS)
    named = {int(number) for number in re.findall(r"(?<![\d,])(?:32|42|48|69|80)\d\d(?![\d,])", text)}
    assert named <= set(CODES)
    assert len(named) > 30
    settings = set(re.findall(r"`([a-z]+_[a-z0-9_]+)`", text)) - OAUTH_WORDS
    assert settings <= set(Settings.model_fields)


@pytest.mark.behaviour("calls.only-injected")
def test_codes_that_only_injected_faults_cause_are_listed() -> None:
    """A code whose number no module but the table of codes holds can only be injected."""
    [row] = [entry for entry in BEHAVIOURS if entry.key == "calls.only-injected"]
    trees = [ast.parse(path.read_text()) for path in SOURCES if path.name != "codes.py"]
    raised = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    named = {int(number) for number in re.findall(r"\d+", row.what)}
    full_sync_required = 3603  # held, to tell the state of a download that such a fault ended
    assert named == (set(CODES) - raised) | {full_sync_required}
