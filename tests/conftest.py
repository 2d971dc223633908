"""What all tests share: an Airflow of their own, never this machine's, and a data lake that runs here.

Airflow reads its settings when it is first imported, so they are made here, before any test module is.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest
from hypothesis import settings

from customer_match.project import IMPORT_PATH, PROJECT
from customer_match_demo.azurite import AzuriteEndpoint, running

# How long an example takes is the machine's business.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


_HOME = Path(tempfile.mkdtemp(prefix="customer-match-airflow-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)


def _settings() -> dict[str, str]:
    common = (PROJECT / "airflow.env").read_text(encoding="utf-8").splitlines()
    return {
        **dict(line.split("=", 1) for line in common if line and not line.startswith("#")),
        "AIRFLOW_HOME": str(_HOME),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME / 'airflow.db'}",
        "PYTHONPATH": IMPORT_PATH,
        # A proxy of this machine has no business with servers on it.
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
    }


for _name in [name for name in os.environ if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_"))]:
    del os.environ[_name]
os.environ.update(_settings())
sys.path[:0] = [path for path in IMPORT_PATH.split(os.pathsep) if path not in sys.path]


@pytest.fixture(scope="session")
def airflow_db(pytestconfig: pytest.Config) -> Path:
    """Airflow's metadata database, migrated. The first session of a version takes some 10 s, the next copy."""
    import fcntl
    import sqlite3
    import subprocess
    from importlib.metadata import version

    database = _HOME / "airflow.db"
    cache = pytestconfig.cache.mkdir("airflow-db")
    template = cache / f"{version('apache-airflow-core')}.db"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
            done = subprocess.run(migrate, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            with sqlite3.connect(database) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy(database, template.with_suffix(".new"))
            template.with_suffix(".new").rename(template)
    if not database.exists():
        shutil.copy(template, database)
    return database


@dataclass(frozen=True)
class LakeContainer:
    """An empty container of the emulator.

    Attributes:
        filesystem: adlfs, without listing cache.
        name: Of the container.
        endpoint: The emulator.
    """

    filesystem: fsspec.AbstractFileSystem
    name: str
    endpoint: AzuriteEndpoint

    @property
    def url(self) -> str:
        return f"abfs://{self.name}"


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteEndpoint]:
    """Azure storage on this machine."""
    with running(tmp_path_factory.mktemp("azurite")) as endpoint:
        yield endpoint


@pytest.fixture
def lake_container(azurite: AzuriteEndpoint) -> LakeContainer:
    """A fresh container."""
    import adlfs

    filesystem = adlfs.AzureBlobFileSystem(
        connection_string=azurite.connection_string, use_listings_cache=False
    )
    name = f"test-{uuid.uuid4().hex}"
    filesystem.mkdir(name)
    return LakeContainer(filesystem, name, azurite)
