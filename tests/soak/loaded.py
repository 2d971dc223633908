"""Modules that the fork server loads, and the only difference between runs of a soak and real ones: shorter waits.

A minute that the service asks to wait is a second here; all other waits are shortened in the same proportion.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

with redirect_stdout(sys.stderr):  # Airflow always logs to the standard output at its import
    import airflow.models.connection
    import airflow.models.variable  # noqa: F401
    from sqlalchemy.orm import configure_mappers

    from airflow_microsoft_advertising.cli import local_run
    from airflow_microsoft_advertising.cli import main as command_line  # noqa: F401
    from airflow_microsoft_advertising.run.batches import batch as batches
    from customer_match_delivery import call_tracking
    from microsoft_advertising import retrying
    from microsoft_advertising.polling import PollSchedule
    from tests.soak import batch_run  # noqa: F401

__all__ = ["WAITS"]

WAITS = 1 / 60

configure_mappers()
_wait, _pause = retrying.RetryPolicy._wait, local_run.wait_seconds


def _shorter(policy: retrying.RetryPolicy, state: Any) -> float:
    return _wait(policy, state) * WAITS


retrying.RetryPolicy._wait = _shorter  # type: ignore[method-assign]
local_run.wait_seconds = batches.wait_seconds = lambda asked: _pause(asked) * WAITS
call_tracking.LIFE *= WAITS
local_run.POLLING = PollSchedule(first=0.1)
