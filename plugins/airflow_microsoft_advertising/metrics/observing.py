"""Sends metrics of what a client of the service does: its calls, bytes and waits."""

from __future__ import annotations

from airflow_microsoft_advertising.metrics import table
from airflow_microsoft_advertising.metrics.sending import are_on, send
from microsoft_advertising.transport.observer import NOBODY, Observer, Wait

__all__ = ["AccountObserver", "observer_of"]


class AccountObserver(Observer):
    """Sends metrics of the calls for one account.

    Args:
        account: Its id.
    """

    def __init__(self, account: str) -> None:
        self._account = account

    def on_call(self, service: str, code: str) -> None:
        """See `Observer.on_call`."""
        send(table.CALLS, 1, account=self._account, service=service, code=code)

    def on_sent(self, count: int) -> None:
        """See `Observer.on_sent`."""
        send(table.BYTES_SENT, count, account=self._account)

    def on_wait(self, reason: Wait, seconds: float) -> None:
        """See `Observer.on_wait`."""
        send(table.WAIT, max(0.0, seconds), account=self._account, reason=reason)


def observer_of(account: str) -> Observer:
    """The observer for an account; nobody if metrics are off."""
    return AccountObserver(account) if are_on() else NOBODY
