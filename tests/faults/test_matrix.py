"""Exactly right after any crash: each row of the matrix, hash by hash. `make chaos` runs them all."""

from __future__ import annotations

import pytest

from tests.faults.matrix import MATRIX, Row
from tests.faults.results import Outcome

# The first test waits for all rows.
pytestmark = [pytest.mark.faults, pytest.mark.system, pytest.mark.timeout(3600)]


def _marked(row: Row) -> object:
    return pytest.param(row, id=row.name, marks=[] if row.quick else [pytest.mark.long])


@pytest.mark.parametrize("row", [_marked(row) for row in MATRIX])
def test_row(row: Row, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[row.name].wrong == []
