"""Reads account, environment and transport from an Airflow connection. Errors name the field of the form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from airflow_microsoft_advertising.connection.place import place_of, variable_of
from customer_match.errors import ConfigurationError
from microsoft_advertising.account import Account
from microsoft_advertising.environment import Environment
from microsoft_advertising.pasted import trim
from microsoft_advertising.transport.choice import TransportName

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["account_of", "environment_of", "transport_of", "uses_soap"]

_FIELDS: Final = {  # fields of the Account model: their names in the connection's form
    "client_id": "Client ID",
    "client_secret": "Client secret",
    "refresh_token": "Refresh token",
    "developer_token": "Developer token",
    "customer_id": "Customer ID (cid)",
    "account_id": "Account ID (aid)",
}


def account_of(
    connection: Connection, *, customer_id: str | None = None, account_id: str | None = None
) -> Account:
    """Return the account of a connection; ids given here take precedence over its own.

    Raises:
        ConfigurationError: Something is missing or malformed; the message names the field of the form.
    """
    extra: dict[str, Any] = connection.extra_dejson
    values = {
        "client_id": connection.login or "",
        "client_secret": connection.password or None,
        "refresh_token": extra.get("refresh_token") or "",
        "developer_token": extra.get("developer_token") or "",
        "customer_id": customer_id or extra.get("customer_id") or "",
        "account_id": account_id or extra.get("account_id") or "",
    }
    try:
        return Account.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_input=False)
        fields = ", ".join(dict.fromkeys(_FIELDS[str(fault["loc"][0])] for fault in faults))
        reasons = dict.fromkeys(
            str(fault["ctx"]["error"]) for fault in faults if fault["type"] == "value_error"
        )
        raise ConfigurationError(
            f"The Airflow connection {connection.conn_id!r} has no valid value for: {fields}. "
            f"{''.join(f'{reason}. ' for reason in reasons)}Correct it {place_of(connection.conn_id)}."
            f"{_uri_advice(connection.conn_id)}"
        ) from None  # pydantic's own message would show what was entered


def _uri_advice(conn_id: str) -> str:
    """Return advice for a connection that is a URI: values that are not encoded are read wrongly, without an error."""
    variable = variable_of(conn_id)
    if variable is None or os.environ[variable].lstrip().startswith("{"):
        return ""
    return " In a URI, characters such as + / # % in values must be percent-encoded; in JSON they need no encoding."


def environment_of(connection: Connection) -> Environment:
    """Return the environment of a connection.

    Raises:
        ConfigurationError: The environment is unknown, its address is missing, or the connection has an address that
            belongs to no environment of Microsoft.
    """
    name = _field(connection, "environment") or "production"
    base_url = _field(connection, "base_url")
    if name == "other" and not base_url:
        raise ConfigurationError(
            f"The Airflow connection {connection.conn_id!r} has the environment 'other'. Fill in the base URL too."
        )
    try:
        found = Environment.at(base_url) if name == "other" else Environment.named(name)
        found = found.of_tenant(_field(connection, "tenant")).with_hosts(_field(connection, "hosts"))
    except ConfigurationError as error:
        raise ConfigurationError(f"The Airflow connection {connection.conn_id!r}: {error}") from None
    if name != "other":
        _check_no_address(connection, name, base_url)
    return found


def _check_no_address(connection: Connection, name: str, base_url: str) -> None:
    """Reject an address that would be ignored: requests must not go to Microsoft's hosts instead."""
    if base_url or trim(connection.host or ""):
        field = "a Base URL (`base_url`)" if base_url else "a host, which is not used,"
        raise ConfigurationError(
            f"The Airflow connection {connection.conn_id!r} has {field} and the Environment (`environment`) {name!r}, "
            "which uses Microsoft's own addresses. Set Environment to other and Base URL to the address, or empty it."
        )


def transport_of(connection: Connection) -> TransportName:
    """Return the transport of a connection.

    Raises:
        ConfigurationError: The transport is unknown.
    """
    name = _field(connection, "transport") or TransportName.REST
    try:
        return TransportName(name)
    except ValueError:
        choices = " or ".join(TransportName)
        raise ConfigurationError(
            f"The Airflow connection {connection.conn_id!r} has the unknown transport {name!r}. Set its field "
            f"Transport to {choices}."
        ) from None


def uses_soap(extra: Mapping[str, Any]) -> bool:
    """Whether the extra of a connection chooses SOAP."""
    return _text(extra, "transport") == TransportName.SOAP


def _field(connection: Connection, name: str) -> str:
    return _text(connection.extra_dejson, name)


def _text(extra: Mapping[str, Any], name: str) -> str:
    return trim(str(extra.get(name) or ""))
