"""Sends metrics of the waits of tasks; those of calls and uploads are the client's (`observing`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_microsoft_advertising.metrics import table
from airflow_microsoft_advertising.metrics.sending import are_on, send

if TYPE_CHECKING:
    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook

__all__ = ["TaskWait", "send_wait"]

TaskWait = Literal["asked", "busy"]
"""Why a task waits: the service asked for it; another run holds the audience."""


def send_wait(hook: MicrosoftAdvertisingHook, reason: TaskWait, seconds: float) -> None:
    """Send how long a task is going to wait before it goes on with an audience of the hook's account."""
    if are_on():
        send(table.WAIT, seconds, account=hook.account().account_id, reason=reason)
