"""The reliability page agrees with the matrix."""

from __future__ import annotations

import re
from pathlib import Path

from customer_match.project import PROJECT
from tests.faults.matrix import IN_PROCESS, MATRIX, UNDER_SCHEDULER, played_under
from tests.faults.reliability import COLUMNS, NOT_HERE, NOT_PLAYED, page
from tests.faults.results import Outcome, load, store
from tests.faults.storage_worlds import DiskWorld

PAGE = PROJECT / "docs" / "reliability.md"


def outcome(name: str, **values: object) -> Outcome:
    row = next(row for row in MATRIX if row.name == name)
    made = {
        "recovered_by": row.recovery.value,
        "members": 9,
        "expected": 9,
        "played": "2026-11-25T10:00:00+00:00",
        "under": played_under(row),
    }
    return Outcome(row.name, row.fault, row.where, **made | values)  # type: ignore[arg-type]


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert lines[0] == f"| {' | '.join(COLUMNS)} |"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_row_of_the_matrix_was_run_and_was_correct() -> None:
    """After a change of the matrix, `make chaos` runs the rows and `make reliability` updates the page."""
    text = PAGE.read_text()
    cells = rows_of(text)
    assert [tuple(line[:3]) for line in cells] == [(f"`{row.name}`", row.fault, row.where) for row in MATRIX]
    for line, row in zip(cells, MATRIX, strict=True):
        assert line[6] == played_under(row)
        if line[3] == NOT_HERE:
            assert row.world is DiskWorld, "rows that any machine can run must be run"
            continue
        assert line[3] in {row.recovery.value, *(["retry"] if row.may_retry else [])}, line
        right = re.fullmatch(r"([\d,]+) of ([\d,]+)", line[5])
        assert right, line
        assert right[1] == right[2], line
    played = sum(line[3] != NOT_HERE for line in cells)
    assert f" {len(MATRIX)} rows; {played} were\nrun" in text
    assert f"and {played} of these were correct" in text


def test_rows_that_need_a_scheduler_run_under_one() -> None:
    assert 45 <= len(UNDER_SCHEDULER) <= 66
    assert {row.name for row in MATRIX if row.name.startswith("kill-")} <= {
        row.name for row in UNDER_SCHEDULER
    }
    assert not any(row.quick or row.program for row in IN_PROCESS)
    assert sorted([*UNDER_SCHEDULER, *IN_PROCESS], key=MATRIX.index) == list(MATRIX)


def test_the_page_has_all_rows() -> None:
    names = [row.name for row in MATRIX]
    text = page([outcome(names[1], uploads=8, seconds=3)])
    cells = rows_of(text)
    assert [line[0] for line in cells] == [f"`{name}`" for name in names]
    assert cells[1][4:] == ["8 uploads", "9 of 9", "scheduler", "3"]
    assert {line[3] for line in cells if line != cells[1]} == {NOT_PLAYED}
    assert f"{len(names)} rows; 1 were\nrun (2026-11-25 to 2026-11-25), and 1 of these" in text


def test_rows_that_this_machine_cannot_run_are_shown_and_not_counted() -> None:
    made = page([outcome(MATRIX[0].name, not_here="no mount"), outcome(MATRIX[1].name)])
    assert rows_of(made)[0][3:] == [NOT_HERE, "", "", "scheduler", ""]
    assert f"{len(MATRIX)} rows; 1 were\nrun" in made
    assert "and 1 of these" in made


def test_errors_are_shown_on_the_page() -> None:
    names = [row.name for row in MATRIX]
    made = page([outcome(names[0], wrong=["a member is missing"], calls=2), *map(outcome, names[1:])])
    assert rows_of(made)[0][4:6] == ["2 calls", "9 of 9, **wrong**"]
    assert f"and {len(names) - 1} of these were correct" in made


def test_outcomes_are_stored_in_the_order_of_the_matrix(tmp_path: Path) -> None:
    first, second = (outcome(row.name) for row in MATRIX[:2])
    path = tmp_path / "new" / "results.json"
    store([second], path)
    store([first], path)
    assert load(path) == [first, second]
    again = outcome(MATRIX[0].name, seconds=7)
    store([again, Outcome("gone", "a row", "that is not in the matrix any more")], path)
    assert load(path) == [again, second]
