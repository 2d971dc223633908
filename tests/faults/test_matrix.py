"""Audiences are exact after any fault, hash by hash: the rows of the matrix that run under a real scheduler."""

from __future__ import annotations

import pytest

from tests.faults.matrix import UNDER_SCHEDULER, Row
from tests.faults.results import Outcome

# The first test waits for all rows.
pytestmark = [pytest.mark.faults, pytest.mark.system, pytest.mark.timeout(3600)]


def _marked(row: Row) -> object:
    return pytest.param(row, id=row.name, marks=[] if row.quick else [pytest.mark.long])


@pytest.mark.parametrize("row", [_marked(row) for row in UNDER_SCHEDULER])
def test_a_row_ends_with_exact_audiences(row: Row, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[row.name]
    if outcome.not_here:
        pytest.skip(outcome.not_here)
    assert outcome.wrong == []
