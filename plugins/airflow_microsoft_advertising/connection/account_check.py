"""Checks that a connection can act on the customer and the account of an export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.faults import ServiceConfigurationError
from microsoft_advertising.retrying import RetryPolicy

if TYPE_CHECKING:
    from customer_match.export.model import Export
    from microsoft_advertising.client import Client
    from microsoft_advertising.models import AccountInfo

__all__ = ["check_account"]

_RETRIES: Final = RetryPolicy(attempts=3, budget=90.0)
"""Long enough for one wait of a minute: throttling and doubtful refusals of a sign-in need one."""
_WRONG_IDS: Final = frozenset({106, 116, 119, 208, 210, 1001, 1029, 1030, 1102, 1490, 2108})
"""Codes that mean that the user may not act on the account, or that there is none (see `error_codes`)."""
_SHOWN: Final = 5


class SigningHook(Protocol):
    """The methods of the hook that the check uses."""

    def get_conn(self, *, retries: RetryPolicy) -> Client:
        """Return a client of the service."""

    def accessible_accounts(self, *, retries: RetryPolicy) -> Sequence[AccountInfo]:
        """Return the accounts that the connection's user may act on."""


def check_account(hook: SigningHook, export: Export) -> AccountInfo:
    """Check that the connection's user may act on the customer and the account of an export.

    Returns:
        The account.

    Raises:
        ConfigurationError: There is no usable connection, the sign-in is refused, or `cid` or `aid` is wrong. Its `key`
            is the key of the export file to correct.
        TransientError: The service cannot be reached now.
    """
    try:
        with hook.get_conn(retries=_RETRIES) as client:
            account = client.account_info()
            _check_customer(client)
            return account
    except ServiceConfigurationError as error:
        if not _WRONG_IDS.intersection(error.codes):
            raise ConfigurationError(str(error), key="connection") from None
        raise _wrong_ids(export, _accounts(hook), error) from None
    except ConfigurationError as error:
        raise ConfigurationError(str(error), key="connection") from None


def _check_customer(client: Client) -> None:
    """Ask for something of the customer: the account alone may be found by any customer of the user's."""
    try:
        client.pilot_features()
    except ServiceConfigurationError as error:
        if _WRONG_IDS.intersection(error.codes):
            raise
    except (ConfigurationError, TerminalError):
        return  # nothing depends on the features themselves


def _accounts(hook: SigningHook) -> Sequence[AccountInfo]:
    """Look up the accounts that the user may access; none if that is refused too."""
    try:
        return hook.accessible_accounts(retries=_RETRIES)
    except (ConfigurationError, TransientError, TerminalError):
        return ()


def _wrong_ids(
    export: Export, accounts: Sequence[AccountInfo], error: ServiceConfigurationError
) -> ConfigurationError:
    """Say which of the two ids is wrong, and what it should be, as far as the user's accounts tell."""
    same_account = next((one for one in accounts if one.id == export.aid), None)
    if same_account and same_account.customer_id not in ("", export.cid):
        return ConfigurationError(
            f"The account {export.aid} does not belong to the customer {export.cid}, but to "
            f"{same_account.customer_id}. Write `cid: {same_account.customer_id}`, or the `aid` of another account.",
            key="cid",
        )
    if not accounts or same_account:
        return ConfigurationError(f"`cid: {export.cid}`, `aid: {export.aid}`: {error}", key="aid")
    own = [one for one in accounts if one.customer_id == export.cid] or accounts
    more = f" and {len(own) - _SHOWN:,} more" if len(own) > _SHOWN else ""
    known = ", ".join(f"cid {one.customer_id} with aid {one.id} ({one.name})" for one in own[:_SHOWN])
    is_own = own is not accounts
    return ConfigurationError(
        f"The user of the connection {export.connection!r} may not act on the account {export.aid} of the customer "
        f"{export.cid}. That user may act on: {known}{more}. Correct {'`aid`' if is_own else '`cid` and `aid`'}, or "
        "sign in as another user (`customer-match login`).",
        key="aid" if is_own else "cid",
    )
