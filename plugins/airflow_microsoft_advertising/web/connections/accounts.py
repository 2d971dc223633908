"""The accounts that the user who signed in for a connection can reach, and the choice of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from airflow.utils.session import create_session

from airflow_microsoft_advertising.connection.writer import write_fields
from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from customer_match.errors import ConfigurationError
from microsoft_advertising.retrying import RetryPolicy

if TYPE_CHECKING:
    from microsoft_advertising.models import AccountInfo

__all__ = ["choose_account", "reachable_accounts"]

_RETRIES: Final = RetryPolicy(budget=30.0)
"""A person waits for the page, and many proxies end a request after a minute."""


def reachable_accounts(conn_id: str) -> Sequence[AccountInfo]:
    """Ask the service for the accounts, by name.

    Raises:
        ConfigurationError: The sign-in or the developer token is refused.
        TransientError: The service cannot be reached.
    """
    found = MicrosoftAdvertisingHook(conn_id).accessible_accounts(retries=_RETRIES)
    return sorted(found, key=lambda account: (account.name.casefold(), account.id))


def choose_account(conn_id: str, account_id: str) -> None:
    """Save an account and its customer as those of the connection.

    Raises:
        ConfigurationError: The user who signed in cannot reach the account.
        TransientError: The service cannot be reached.
    """
    chosen = next((one for one in reachable_accounts(conn_id) if one.id == account_id), None)
    if chosen is None:
        raise ConfigurationError("The user who signed in cannot reach this account. Choose one of the list.")
    fields = {"account_id": chosen.id, "customer_id": chosen.customer_id}
    with create_session() as session:
        write_fields(conn_id, fields, session)
