"""What the tests of the audit trail share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import Lake


@pytest.fixture
def lake(tmp_path: Path, connect: Connect) -> Lake:
    """A small lake, and the connection of its export."""
    connect()
    return Lake(tmp_path)
