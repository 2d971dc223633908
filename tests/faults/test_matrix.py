"""Exactly right after any crash: each row of the matrix, hash by hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.airflow_parts import AirflowParts
from tests.faults.matrix import MATRIX, Row
from tests.faults.rows import Outcome, play

pytestmark = [pytest.mark.faults, pytest.mark.system, pytest.mark.timeout(900)]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)
def test_row(row: Row, airflow: AirflowParts, tmp_path: Path) -> None:
    outcome: Outcome = play(row, airflow, tmp_path)
    assert outcome.wrong == []
