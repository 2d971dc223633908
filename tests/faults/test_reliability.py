"""The page on reliability says what the matrix says."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.project import PROJECT
from tests.faults.matrix import MATRIX
from tests.faults.reliability import COLUMNS, page
from tests.faults.results import Outcome, keep, kept

PAGE = PROJECT / "docs" / "reliability.md"


def outcome(name: str, **values: object) -> Outcome:
    row = next(row for row in MATRIX if row.name == name)
    made = {
        "recovered_by": row.recovery.value,
        "members": 9,
        "expected": 9,
        "played": "2026-11-25T10:00:00+00:00",
    }
    return Outcome(row.name, row.fault, row.where, **made | values)  # type: ignore[arg-type]


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert lines[0] == f"| {' | '.join(COLUMNS)} |"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_page_has_the_rows_of_the_matrix_and_all_were_right() -> None:
    """`make chaos` and `make reliability` make it true again after a change of the matrix."""
    said = [tuple(cells[:4]) for cells in rows_of(PAGE.read_text())]
    assert said == [(f"`{row.name}`", row.fault, row.where, row.recovery.value) for row in MATRIX]
    assert f" {len(MATRIX)} rows, played" in PAGE.read_text()
    assert "wrong**" not in PAGE.read_text()


def test_a_page_is_made_of_all_rows() -> None:
    names = [row.name for row in MATRIX]
    cells = rows_of(page([outcome(name, uploads=8, seconds=3) for name in names]))
    assert [line[0] for line in cells] == [f"`{name}`" for name in names]
    assert cells[0][4:] == ["8 uploads", "9 of 9", "3"]
    with pytest.raises(ValueError, match=names[1]):
        page([outcome(names[0])])


def test_what_was_wrong_is_seen_on_the_page() -> None:
    names = [row.name for row in MATRIX]
    made = page([outcome(names[0], wrong=["a member is missing"], calls=2), *map(outcome, names[1:])])
    assert rows_of(made)[0][4:6] == ["2 calls", "9 of 9, **wrong**"]
    assert f"{len(names) - 1} of them right" in made


def test_outcomes_are_kept_in_the_order_of_the_matrix(tmp_path: Path) -> None:
    first, second = (outcome(row.name) for row in MATRIX[:2])
    path = tmp_path / "new" / "results.json"
    keep([second], path)
    keep([first], path)
    assert kept(path) == [first, second]
    again = outcome(MATRIX[0].name, seconds=7)
    keep([again, Outcome("gone", "a row", "that is not in the matrix any more")], path)
    assert kept(path) == [again, second]
