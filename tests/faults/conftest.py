"""One Airflow for the whole matrix; each row has a world of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.airflow_parts import AirflowParts


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowParts]:
    folder: Path = tmp_path_factory.mktemp("faults")
    exports = folder / "exports"
    exports.mkdir()
    running = AirflowParts(folder / "airflow-parts", exports)
    try:
        running.start()
        yield running
    finally:
        running.stop()
