"""Credentials are validated and never shown."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from microsoft_advertising.account import Account
from tests.microsoft_advertising.conftest import SECRETS

GOOD = {
    "client_id": "app",
    "client_secret": "client-secret",
    "refresh_token": "refresh-secret-0",
    "developer_token": "developer-secret",
    "customer_id": "111",
    "account_id": "222",
}


def test_ids_become_digits() -> None:
    account = Account.model_validate(GOOD | {"customer_id": 111, "account_id": " 222 "})
    assert (account.customer_id, account.account_id) == ("111", "222")


def test_an_empty_secret_is_none() -> None:
    assert Account.model_validate(GOOD | {"client_secret": ""}).client_secret is None


def test_no_repr_shows_secrets() -> None:
    shown = repr(Account.model_validate(GOOD)) + str(Account.model_validate(GOOD))
    assert not [secret for secret in SECRETS if secret in shown]


@pytest.mark.parametrize(
    "bad",
    [
        {"account_id": "F1234567"},
        {"account_id": ""},
        {"customer_id": None},
        {"refresh_token": " "},
        {"developer_token": ""},
        {"client_id": ""},
        {"surprise": "refresh-secret-0"},
    ],
)
def test_bad_values_name_the_field_and_keep_the_secrets(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Account.model_validate(GOOD | bad)
    assert next(iter(bad)) in str(caught.value)
    assert not [secret for secret in SECRETS if secret in str(caught.value)]


def test_accounts_can_be_pickled() -> None:
    account = Account.model_validate(GOOD)
    assert pickle.loads(pickle.dumps(account)) == account
