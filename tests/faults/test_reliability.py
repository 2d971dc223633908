"""The page on reliability says what the matrix says."""

from __future__ import annotations

import re
from pathlib import Path

from customer_match.project import PROJECT
from tests.faults.matrix import IN_PROCESS, MATRIX, UNDER_SCHEDULER, played_under
from tests.faults.reliability import COLUMNS, NOT_HERE, NOT_PLAYED, page
from tests.faults.results import Outcome, keep, kept
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


def test_every_row_of_the_matrix_was_played_and_was_right() -> None:
    """`make chaos` plays the rows, `make reliability` then makes the page true again after a change of the matrix."""
    text = PAGE.read_text()
    cells = rows_of(text)
    assert [tuple(line[:3]) for line in cells] == [(f"`{row.name}`", row.fault, row.where) for row in MATRIX]
    for line, row in zip(cells, MATRIX, strict=True):
        assert line[6] == played_under(row)
        if line[3] == NOT_HERE:
            assert row.world is DiskWorld, "what any machine can play must be played"
            continue
        assert line[3] in {row.recovery.value, *(["retry"] if row.may_retry else [])}, line
        right = re.fullmatch(r"([\d,]+) of ([\d,]+)", line[5])
        assert right, line
        assert right[1] == right[2], line
    played = sum(line[3] != NOT_HERE for line in cells)
    assert f" {len(MATRIX)} rows; {played} were\nplayed" in text
    assert f"and {played} of these were right" in text


def test_the_matrix_is_played_under_a_scheduler_where_it_matters() -> None:
    assert 45 <= len(UNDER_SCHEDULER) <= 65
    assert {row.name for row in MATRIX if row.name.startswith("kill-")} <= {
        row.name for row in UNDER_SCHEDULER
    }
    assert not any(row.quick or row.program for row in IN_PROCESS)
    assert sorted([*UNDER_SCHEDULER, *IN_PROCESS], key=MATRIX.index) == list(MATRIX)


def test_a_page_is_made_of_all_rows() -> None:
    names = [row.name for row in MATRIX]
    text = page([outcome(names[1], uploads=8, seconds=3)])
    cells = rows_of(text)
    assert [line[0] for line in cells] == [f"`{name}`" for name in names]
    assert cells[1][4:] == ["8 uploads", "9 of 9", "scheduler", "3"]
    assert {line[3] for line in cells if line != cells[1]} == {NOT_PLAYED}
    assert f"{len(names)} rows; 1 were\nplayed (2026-11-25 to 2026-11-25), and 1 of these" in text


def test_rows_that_this_machine_cannot_play_are_told_and_not_counted() -> None:
    made = page([outcome(MATRIX[0].name, not_here="no mount"), outcome(MATRIX[1].name)])
    assert rows_of(made)[0][3:] == [NOT_HERE, "", "", "scheduler", ""]
    assert f"{len(MATRIX)} rows; 1 were\nplayed" in made
    assert "and 1 of these" in made


def test_what_was_wrong_is_seen_on_the_page() -> None:
    names = [row.name for row in MATRIX]
    made = page([outcome(names[0], wrong=["a member is missing"], calls=2), *map(outcome, names[1:])])
    assert rows_of(made)[0][4:6] == ["2 calls", "9 of 9, **wrong**"]
    assert f"and {len(names) - 1} of these were right" in made


def test_outcomes_are_kept_in_the_order_of_the_matrix(tmp_path: Path) -> None:
    first, second = (outcome(row.name) for row in MATRIX[:2])
    path = tmp_path / "new" / "results.json"
    keep([second], path)
    keep([first], path)
    assert kept(path) == [first, second]
    again = outcome(MATRIX[0].name, seconds=7)
    keep([again, Outcome("gone", "a row", "that is not in the matrix any more")], path)
    assert kept(path) == [again, second]
