"""Who we are to the service: the application, the person who signed in, the customer and the account."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

__all__ = ["Account"]


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


Identifier = Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^\s*[0-9]{1,19}\s*$")]
"""Digits of a 64-bit number; REST writes them as strings. In the web pages they are `cid` and `aid`."""


class Account(BaseModel):
    """One advertiser account and the credentials to act on it. Secrets show in no repr and no error.

    Attributes:
        client_id: Application (client) id of the app registration.
        client_secret: Its secret; None for a public client (documented: public clients must not send one).
        refresh_token: Obtained once by signing in; renewed by use.
        developer_token: Of the manager account; the sandbox has a universal one.
        customer_id: Customer that owns the account (`cid` in the address bar of the web pages).
        account_id: The account (`aid`).
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="forbid")

    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    refresh_token: SecretStr
    developer_token: SecretStr
    customer_id: Identifier
    account_id: Identifier

    @classmethod
    def not_chosen_yet(
        cls,
        *,
        client_id: str,
        client_secret: SecretStr | None,
        refresh_token: SecretStr,
        developer_token: SecretStr,
    ) -> Account:
        """Credentials without ids: good for looking up which accounts there are, and for nothing else."""
        return cls.model_construct(
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            developer_token=developer_token,
            customer_id="",
            account_id="",
        )

    @field_validator("customer_id", "account_id", "client_id")
    @classmethod
    def _trimmed(cls, value: str) -> str:
        return value.strip()

    @field_validator("client_secret")
    @classmethod
    def _no_empty_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value() else None

    @field_validator("refresh_token", "developer_token")
    @classmethod
    def _present(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("must not be empty")
        return value
