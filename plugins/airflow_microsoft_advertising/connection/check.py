"""What the button *Test* of a connection does: sign in, say who we are, and whether Customer Match can be used.

Every failure is told by the exception's own words, which say what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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

__all__ = ["Checked", "check"]

_RETRIES = RetryPolicy(budget=30.0)
"""Somebody looks at the page, and many proxies end a request after a minute: a pause of a minute is told, not kept."""


class Checked(Protocol):
    """What the check asks of the hook."""

    def connection(self) -> Connection:
        """The Airflow connection."""

    def account(self) -> Account:
        """Who we are to the service."""

    def environment(self) -> Environment:
        """Where the service is."""

    def terms(self) -> Terms | None:
        """Who accepted the Customer Match terms."""

    def get_conn(self, *, retries: RetryPolicy) -> Client:
        """A client of the service."""


def check(hook: Checked) -> tuple[bool, str]:
    """Whether the connection works, and a few sentences for the person who asked.

    The login is shown to them; it goes into no log.
    """
    said = ""
    try:
        environment, terms = _environment(hook), hook.terms()
        with hook.get_conn(retries=_RETRIES) as client:
            identity = client.whoami()
            said = f"{_who(identity, hook.account().customer_id)} {environment} "
            lists = len(client.list_audiences())
            usable = f"Customer Match: {lists} customer lists can be read; {_feature(client)} {_terms(terms)}"
    except CustomerMatchError as error:
        later = " Try again in some minutes." if isinstance(error, TransientError) else ""
        return False, f"{said}{'But: ' if said else ''}{error}{later}"
    return True, said + usable


def _environment(hook: Checked) -> str:
    transport = hook.connection().extra_dejson.get("transport") or "rest"
    return f"Environment {hook.environment().name}, transport {transport}."


def _who(identity: Identity, customer_id: str) -> str:
    accounts = "; ".join(_account(account, customer_id) for account in identity.accounts)
    return f"Signed in as {identity.user_name}. Account {accounts}."


def _account(account: AccountInfo, customer_id: str) -> str:
    facts = [f"number {account.number}" if account.number else "", f"id {account.id}", account.status]
    owner = f"customer {customer_id}"
    if account.customer_id not in {"", customer_id}:
        owner += f", though it belongs to customer {account.customer_id}"
    return f"{account.name} ({', '.join(fact for fact in facts if fact)}) of {owner}"


def _feature(client: Client) -> str:
    """Whether the feature is enabled. The flag may be gone once everybody has it, so that it is no condition."""
    try:
        enabled = CUSTOMER_LIST_FEATURE in client.pilot_features()
    except CustomerMatchError:
        return "whether the feature is enabled for the customer could not be asked."
    if enabled:
        return "the feature is enabled for the customer."
    return (
        f"the customer's features do not name it ({CUSTOMER_LIST_FEATURE}). If uploads are refused, ask "
        "Microsoft Advertising support to enable Customer Match."
    )


def _terms(terms: Terms | None) -> str:
    if terms:
        return f"Terms: {terms}."
    return (
        "Terms: the service cannot be asked whether they were accepted; if not, the first upload fails with code "
        "8003 and says where to click."
    )
