"""Verification of a sign-in: the service knows the user, and the user may act on the account."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.cli.login.request import Credentials, Login, ask
from airflow_microsoft_advertising.cli.output import say
from customer_match.errors import ConfigurationError
from microsoft_advertising.pasted import trim

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_microsoft_advertising.connection.writer import SavedConnection
    from microsoft_advertising.account import Account
    from microsoft_advertising.models import AccountInfo, Identity

__all__ = ["VerifiedSignIn", "choose_account", "verify"]


@dataclass(frozen=True)
class VerifiedSignIn:
    """A sign-in that the service has accepted."""

    identity: Identity
    customer_id: str
    account_id: str
    refresh_token: SecretStr = field(repr=False)


def verify(
    login: Login, before: SavedConnection, credentials: Credentials, refresh_token: SecretStr
) -> VerifiedSignIn:
    """Ask the service for the user's identity, and look up the account if it is not given.

    Each call may renew the refresh token and make the previous one invalid, so the newest one is returned.

    Raises:
        ConfigurationError: The service refuses the user, the developer token or the ids; or no account is found.
        TransientError: The service cannot be reached.
    """
    from pydantic import SecretStr  # noqa: PLC0415

    from microsoft_advertising.account import Account  # noqa: PLC0415
    from microsoft_advertising.auth.refresh_tokens import InMemoryTokenStore  # noqa: PLC0415
    from microsoft_advertising.client import Client  # noqa: PLC0415

    store = InMemoryTokenStore()
    store.save(refresh_token.get_secret_value())
    account = Account.without_ids(
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        refresh_token=refresh_token,
        developer_token=credentials.developer_token,
    )
    ids = {
        "account_id": trim(login.account_id or str(before.extra.get("account_id") or "")),
        "customer_id": trim(login.customer_id or str(before.extra.get("customer_id") or "")),
    }
    if not all(ids.values()):
        with Client(account, credentials.environment, store=store) as client:
            ids = choose_account(client.accounts(), **ids)
    with Client(_with_ids(account, ids), credentials.environment, store=store) as client:
        identity = client.whoami()
    newest = store.refresh_token or refresh_token.get_secret_value()
    return VerifiedSignIn(identity, ids["customer_id"], ids["account_id"], SecretStr(newest))


def _with_ids(account: Account, ids: dict[str, str]) -> Account:
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return type(account).model_validate({**dict(account), **ids})
    except ValidationError:
        raise ConfigurationError(
            "Customer id and account id must be digits: `cid` and `aid` in the address bar of Microsoft Advertising."
        ) from None  # pydantic's own message would show what was entered


def choose_account(accounts: list[AccountInfo], *, account_id: str, customer_id: str) -> dict[str, str]:
    """Return the account that matches; if several match, let the user choose."""
    fitting = [
        account
        for account in accounts
        if account_id in ("", account.id) and customer_id in ("", account.customer_id)
    ]
    if not fitting:
        raise ConfigurationError(
            "The user who signed in has access to no account"
            + (" with these ids" if account_id or customer_id else "")
            + ". Sign in as a user of the account, or correct `--customer-id` and `--account-id`."
        )
    account = fitting[0] if len(fitting) == 1 else _ask_which(fitting)
    return {"account_id": account.id, "customer_id": customer_id or account.customer_id}


def _ask_which(accounts: list[AccountInfo]) -> AccountInfo:
    for number, account in enumerate(accounts, start=1):
        say(f"{number:>3}  {account.name}, account {account.id}, customer {account.customer_id}", err=True)
    answer = ask(f"Which account (1 to {len(accounts)})")
    if not (answer.isdecimal() and 1 <= int(answer) <= len(accounts)):
        raise ConfigurationError(
            "That is not one of the numbers. Run the command again, or give `--account-id`."
        )
    return accounts[int(answer) - 1]
