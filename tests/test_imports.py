"""What the lock installs can be imported: some combinations that resolve fail only when they run."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

LIBRARIES = [
    "adlfs",
    "azure.storage.blob",
    "fsspec",
    "httpx",
    "isal.isal_zlib",
    "jinja2",
    "msal",
    "numpy",
    "pandas",
    "polars",
    "pyarrow.parquet",
    "pydantic",
    "stringzilla",
    "tenacity",
    "typer",
    "uvicorn",
]

# In processes of their own: they change the process that imports them, or take long.
PROCESSES = {
    # celery 5.7 with provider 3.26 resolves, and fails here with a misleading message.
    "the Celery executor": "airflow.providers.celery.executors.celery_executor_utils",
    "FAB's users": "airflow.providers.fab.auth_manager.fab_auth_manager",
    "PostgreSQL": "airflow.providers.postgres.hooks.postgres",
    "Redis": "airflow.providers.redis.hooks.redis",
    "Azure": "airflow.providers.microsoft.azure.hooks.wasb",
    "the official SDK": "bingads.v13.bulk",
    "the triggerer": "airflow.jobs.triggerer_job_runner",
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_can_be_imported(name: str) -> None:
    import_module(name)


@pytest.fixture(scope="session")
def imported() -> dict[str, str]:
    """The end of each process's error output; empty where it went well. They run side by side."""
    running = {
        what: subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", f"import {module}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for what, module in PROCESSES.items()
    }
    ends = {what: process.communicate(timeout=120)[1] for what, process in running.items()}
    return {what: ends[what] if process.returncode else "" for what, process in running.items()}


@pytest.mark.system
@pytest.mark.parametrize("what", PROCESSES)
def test_a_part_of_airflow_can_be_imported(imported: dict[str, str], what: str) -> None:
    assert imported[what] == ""


def test_celery_is_one_that_the_provider_works_with() -> None:
    major, minor = map(int, version("celery").split(".")[:2])
    assert (major, minor) < (5, 7), "the provider cannot be imported with it (celery.backends.database)"
