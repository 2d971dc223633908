"""Airflow forks its tasks from processes that have imported us: no thread pool may have been started by then.

The threads of a pool do not live on in a child, which then waits for them for ever (observed with polars 2.0: what one
of our modules computed while the scheduler imported it stopped every task of the LocalExecutor).
"""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import importlib, os, pkgutil, signal

import airflow_microsoft_advertising
import customer_match
import microsoft_advertising

for package in (customer_match, microsoft_advertising, airflow_microsoft_advertising):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

from airflow_microsoft_advertising.preload import preload

preload()
child = os.fork()
if child == 0:
    signal.alarm(20)  # ends a child that waits for ever
    import pyarrow
    from customer_match.addresses.engine import digest_batch
    from customer_match.addresses.definition import Policy

    batch = pyarrow.record_batch({"Email": ["anna@example.com", "", "kä@example.com", "x"] * 50_000})
    found = digest_batch(batch, ["Email"], Policy.BASIC)
    os._exit(0 if len(found.digests) == 100_000 else 3)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.slow
def test_a_forked_task_works_whatever_its_parent_has_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split()[-1] == "0"
