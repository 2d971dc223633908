"""The table of behaviours, its page, and the simulator's independence."""

from __future__ import annotations

import ast
import re
from itertools import groupby
from pathlib import Path

import pytest

from microsoft_advertising_simulator.behaviours.page import AREAS, BEHAVIOURS, Basis, render
from microsoft_advertising_simulator.behaviours.proofs import Proof, proofs
from microsoft_advertising_simulator.codes import CODES
from microsoft_advertising_simulator.settings import Settings
from tests.microsoft_advertising_simulator.api import ROOT

OAUTH_WORDS = {
    "access_denied", "form_post", "invalid_client", "invalid_grant", "invalid_request", "invalid_scope",
    "offline_access", "unauthorized_client",
}  # fmt: skip
SOURCES = sorted((ROOT / "include" / "microsoft_advertising_simulator").rglob("*.py"))


@pytest.mark.slow
def test_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "simulator.md").read_text()
    assert page == render(), (
        "run: python -m microsoft_advertising_simulator.behaviours.page > docs/simulator.md"
    )


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


def test_every_behaviour_is_proved_and_every_key_exists() -> None:
    found, known = proofs(), {entry.key for entry in BEHAVIOURS}
    assert sorted(known - set(found)) == [], "no test bears @pytest.mark.behaviour with these keys"
    assert sorted(set(found) - known) == [], (
        "these keys of tests are not in include/microsoft_advertising_simulator/behaviours/page.py"
    )


def test_proofs_are_read_off_the_marks(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "deep"
    folder.mkdir(parents=True)
    (folder / "test_one.py").write_text(
        'import pytest\n@pytest.mark.behaviour("a.b", "a.c")\ndef test_x(): ...\n'
        '@pytest.mark.behaviour("a.c")\n@pytest.mark.slow\nasync def test_y(): ...\ndef test_z(): ...\n'
    )
    (folder / "helper.py").write_text('import pytest\n@pytest.mark.behaviour("a.d")\ndef test_x(): ...\n')
    file = Path("tests/deep/test_one.py")
    assert proofs(tmp_path) == {
        "a.b": (Proof(file, "test_x"),),
        "a.c": (Proof(file, "test_x"), Proof(file, "test_y")),
    }


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("@pytest.mark.behaviour(KEY)\ndef test_x(): ...", "plain strings"),
        ('@pytest.mark.behaviour("a.b")\ndef helper(): ...', "no test"),
        ('@pytest.mark.behaviour("a.b")\nclass TestX: ...', "no test"),
    ],
)
def test_marks_that_prove_nothing_are_refused(tmp_path: Path, source: str, complaint: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text(source)
    with pytest.raises(ValueError, match=complaint):
        proofs(tmp_path)


def test_page_names_the_tests_of_a_row() -> None:
    [row] = [text for text in render().splitlines() if "`file.url-once`" in text]
    assert (
        "[test_files.py::test_a_url_works_once](../tests/microsoft_advertising_simulator/test_files.py)"
        in row
    )


def test_codes_and_settings_that_the_table_names_exist() -> None:
    text = " ".join(entry.what for entry in BEHAVIOURS)
    named = {int(number) for number in re.findall(r"(?<![\d,])(?:32|42|48|69|80)\d\d(?![\d,])", text)}
    assert named <= set(CODES)
    assert len(named) > 30
    settings = set(re.findall(r"`([a-z]+_[a-z0-9_]+)`", text)) - OAUTH_WORDS
    assert settings <= set(Settings.model_fields)


@pytest.mark.behaviour("calls.only-injected")
def test_codes_that_nothing_brings_about_are_named() -> None:
    """A code whose number no module but the table of codes holds can only be injected."""
    [row] = [entry for entry in BEHAVIOURS if entry.key == "calls.only-injected"]
    trees = [ast.parse(path.read_text()) for path in SOURCES if path.name != "codes.py"]
    raised = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    named = {int(number) for number in re.findall(r"\d+", row.what)}
    full_sync_required = 3603  # held, to tell the state of a download that such a fault ended
    assert named == (set(CODES) - raised) | {full_sync_required}


def test_imports_nothing_of_the_client() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                own = module.startswith(
                    ("customer_match", "microsoft_advertising")
                ) and not module.startswith("microsoft_advertising_simulator")
                assert not own or module == "customer_match.errors", f"{path} imports {module}"
                assert not module.startswith(("airflow", "bingads")), f"{path} imports {module}"
