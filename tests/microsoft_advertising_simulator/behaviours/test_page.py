"""The page of the behaviours."""

from __future__ import annotations

import pytest

from microsoft_advertising_simulator.behaviours.page import render
from tests.microsoft_advertising_simulator.api import ROOT


@pytest.mark.slow
def test_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "simulator.md").read_text()
    assert page == render(), (
        "run: python -m microsoft_advertising_simulator.behaviours.page > docs/simulator.md"
    )


def test_page_names_the_tests_of_a_row() -> None:
    [row] = [text for text in render().splitlines() if "`file.url-once`" in text]
    assert (
        "[test_files.py::test_a_url_works_once](../tests/microsoft_advertising_simulator/test_files.py)"
        in row
    )
