"""Identity and credentials for the service: application, signed-in user, customer and account."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from microsoft_advertising.pasted import one_word

__all__ = ["Account"]


def _word(value: object) -> object:
    if isinstance(value, SecretStr):
        return SecretStr(one_word(value.get_secret_value()))
    return one_word(value) if isinstance(value, str) else value


def _digits(value: object) -> object:
    word = _word(str(value) if isinstance(value, int) else value)
    if isinstance(word, str) and not re.fullmatch("[0-9]{1,19}", word):
        raise ValueError(
            "Ids consist of digits: use `cid` and `aid` from the address bar of ui.ads.microsoft.com, not the numbers "
            "with letters that the pages show (such as F1234567)"
        )
    return word


Identifier = Annotated[str, BeforeValidator(_digits)]
"""A 64-bit number as digits; REST writes it as a string. The web pages show ids as `cid` and `aid`."""

Secret = Annotated[SecretStr, BeforeValidator(_word)]


class Account(BaseModel):
    """One advertiser account and its credentials. No repr and no error message shows secrets.

    Values are cleaned of characters that were pasted around them; see `pasted`.

    Attributes:
        client_id: Application (client) id of the app registration.
        client_secret: The registration's secret; None for a public client (documented: public clients must not send
            one).
        refresh_token: Obtained once by signing in; each use may renew it.
        developer_token: Of the manager account; the sandbox has a universal one.
        customer_id: Customer that owns the account (`cid` in the address bar of the web pages).
        account_id: The account (`aid`).
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="forbid")

    client_id: Annotated[str, BeforeValidator(_word), Field(min_length=1)]
    client_secret: Secret | None = None
    refresh_token: Secret
    developer_token: Secret
    customer_id: Identifier
    account_id: Identifier

    @classmethod
    def without_ids(
        cls,
        *,
        client_id: str,
        client_secret: SecretStr | None,
        refresh_token: SecretStr,
        developer_token: SecretStr,
    ) -> Account:
        """Credentials without ids, which suffice only to look up the available accounts."""
        return cls.model_construct(
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            developer_token=developer_token,
            customer_id="",
            account_id="",
        )

    @field_validator("client_secret")
    @classmethod
    def _no_empty_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value() else None

    @field_validator("refresh_token", "developer_token")
    @classmethod
    def _present(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("A value is missing")
        return value
