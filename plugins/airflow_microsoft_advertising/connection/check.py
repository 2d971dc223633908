"""The button *Test* of a connection: signs in, and reports the user and whether Customer Match can be used.

For each failure it shows the message of the exception, which says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow_microsoft_advertising.connection.place import variable_of
from customer_match.errors import CustomerMatchError, TransientError
from microsoft_advertising.limits import CUSTOMER_LIST_FEATURE
from microsoft_advertising.retrying import RetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_microsoft_advertising.connection.terms import Terms
    from microsoft_advertising.account import Account
    from microsoft_advertising.client import Client
    from microsoft_advertising.environment import Environment
    from microsoft_advertising.models import AccountInfo, Identity

__all__ = ["CheckedHook", "check"]

_RETRIES = RetryPolicy(budget=30.0)
"""A user waits for the page, and many proxies end a request after a minute. So the check reports a long wait that the
service asks for, and does not wait."""


class CheckedHook(Protocol):
    """What the check uses of the hook."""

    microsoft_advertising_conn_id: str

    def connection(self) -> Connection:
        """Return the Airflow connection."""

    def account(self) -> Account:
        """Return the account of the connection."""

    def environment(self) -> Environment:
        """Return the environment of the connection."""

    def terms(self) -> Terms | None:
        """Return who accepted the Customer Match terms."""

    def get_conn(self, *, retries: RetryPolicy) -> Client:
        """Return a client of the service."""


def check(hook: CheckedHook) -> tuple[bool, str]:
    """Test the connection.

    The message names the signed-in user. It is only shown on the page or the command line, and never logged.

    Returns:
        Whether the connection works, and a message for the user.
    """
    signed_in = ""
    try:
        environment, terms = _describe_environment(hook), hook.terms()
        with hook.get_conn(retries=_RETRIES) as client:
            identity = client.whoami()
            signed_in = f"{_describe_user(identity, hook.account().customer_id)} {environment} "
            lists, feature = len(client.list_audiences()), _describe_feature(client)
            usable = f"Customer Match: the account can read {lists} customer lists; {feature} {_describe_terms(terms)}"
    except CustomerMatchError as error:
        retry = " Try again in a few minutes." if isinstance(error, TransientError) else ""
        reason = _without_name(str(error), hook.microsoft_advertising_conn_id)
        return False, f"{signed_in}{'But the test failed: ' if signed_in else ''}{reason}{retry}"
    return True, signed_in + usable


def _without_name(message: str, conn_id: str) -> str:
    """Return a message without the connection's name: the page tests a copy with a name of its own."""
    message = message.replace(f"The Airflow connection {conn_id!r}", "This connection")
    return message.replace(f" in the environment variable {variable_of(conn_id)}", "")


def _describe_environment(hook: CheckedHook) -> str:
    transport = hook.connection().extra_dejson.get("transport") or "rest"
    return f"Environment {hook.environment().name}, transport {transport}."


def _describe_user(identity: Identity, customer_id: str) -> str:
    accounts = "; ".join(_describe_account(account, customer_id) for account in identity.accounts)
    return f"Signed in as {identity.user_name}. Account {accounts}."


def _describe_account(account: AccountInfo, customer_id: str) -> str:
    facts = [f"number {account.number}" if account.number else "", f"id {account.id}", account.status]
    owner = f"customer {customer_id}"
    if account.customer_id not in {"", customer_id}:
        owner += f", but it belongs to customer {account.customer_id}"
    return f"{account.name} ({', '.join(fact for fact in facts if fact)}) of {owner}"


def _describe_feature(client: Client) -> str:
    """Say whether the feature is enabled. It is not required: the flag may disappear once all customers have it."""
    try:
        enabled = CUSTOMER_LIST_FEATURE in client.pilot_features()
    except CustomerMatchError:
        return "the service did not say whether the feature is enabled for the customer."
    if enabled:
        return "the feature is enabled for the customer."
    return (
        f"the customer's features do not include it ({CUSTOMER_LIST_FEATURE}). If uploads are refused, ask "
        "Microsoft Advertising support to enable Customer Match."
    )


def _describe_terms(terms: Terms | None) -> str:
    if terms:
        return f"Terms: {terms}."
    return (
        "Terms: the service does not say whether they were accepted. If they were not, the first upload fails with "
        "code 8003, and its message says how to accept them."
    )
