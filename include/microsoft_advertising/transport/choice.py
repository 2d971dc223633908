"""Creates the transport of a client by its name. No other module depends on the choice."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import httpx

from microsoft_advertising.account import Account
from microsoft_advertising.auth.async_tokens import AsyncTokens
from microsoft_advertising.auth.signing import AsyncTokenAuth, TokenAuth
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.environment import Environment
from microsoft_advertising.limits import SOAP_ENDS, SOAP_WARNING_DAYS
from microsoft_advertising.transport import AsyncTransport, Transport
from microsoft_advertising.transport.rest import AsyncRestTransport, RestTransport
from microsoft_advertising.transport.soap import AsyncSoapTransport, SoapTransport

__all__ = ["TransportName", "end_notice", "open_async_transport", "open_transport"]


class TransportName(StrEnum):
    """The protocol of the calls."""

    REST = "rest"
    SOAP = "soap"
    """Ends on `limits.SOAP_ENDS`."""


def open_transport(
    name: TransportName, account: Account, environment: Environment, tokens: TokenSource, http: httpx.Client
) -> Transport:
    """A transport over an open HTTP client."""
    if name is TransportName.SOAP:
        return SoapTransport(account=account, environment=environment, tokens=tokens, http=http)
    return RestTransport(account=account, environment=environment, auth=TokenAuth(tokens), http=http)


def open_async_transport(
    name: TransportName,
    account: Account,
    environment: Environment,
    tokens: TokenSource,
    http: httpx.AsyncClient,
) -> AsyncTransport:
    """As `open_transport`, for coroutines."""
    shared = AsyncTokens(tokens)
    if name is TransportName.SOAP:
        return AsyncSoapTransport(account=account, environment=environment, tokens=shared, http=http)
    return AsyncRestTransport(
        account=account, environment=environment, auth=AsyncTokenAuth(shared), http=http
    )


def end_notice(name: TransportName, today: date) -> str:
    """Warning that a transport is about to be switched off, or already is; empty if there is none (yet)."""
    days = (SOAP_ENDS - today).days
    if name is not TransportName.SOAP or days > SOAP_WARNING_DAYS:
        return ""
    when = f"{SOAP_ENDS.day} {SOAP_ENDS:%B %Y}"
    happens = f"switches off on {when}, in {days} days" if days >= 0 else f"has switched off on {when}"
    return (
        f"The transport is soap, which Microsoft {happens}: set Transport to rest on the connection (`customer-match "
        "connections to-rest`)."
    )
