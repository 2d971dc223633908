"""The SOAP transport, until Microsoft switches SOAP off (`limits.SOAP_ENDS`): one envelope over HTTP per operation.

The sync transport composes requests with Microsoft's SDK (`sdk`). The async transport runs in the triggerer's event
loop, where importing the SDK would block all triggers for most of a second, so it writes the same envelopes itself
(`soap_xml`). Both share sending and reading, and use the same HTTP client as REST.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import httpx

from microsoft_advertising.account import Account
from microsoft_advertising.auth.async_tokens import AsyncTokens
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import Origin
from microsoft_advertising.operations import Operation
from microsoft_advertising.reply import Reply
from microsoft_advertising.transport import sdk, soap_xml
from microsoft_advertising.transport.answers import mark_unknown_outcome, read_answer
from microsoft_advertising.wire import exchange, retry_after

__all__ = ["AsyncSoapTransport", "SoapTransport"]

T = TypeVar("T")

_SERVER_FAULTS: Final = frozenset({"Server", "InternalServiceFault"})
"""Fault codes that are not caused by the request (SOAP 1.1; WCF's own, assumed)."""


@dataclass(frozen=True, kw_only=True)
class _Soap:
    """Builds requests.

    Attributes:
        environment: The addresses of the services.
        account: For the headers of the envelopes.
    """

    environment: Environment
    account: Account

    def _origin(self, operation: Operation[T]) -> Origin:
        return Origin(operation.name, self.account.account_id)

    def _credentials(self, token: str) -> dict[str, str]:
        return {
            "AuthenticationToken": token,
            "CustomerAccountId": self.account.account_id,
            "CustomerId": self.account.customer_id,
            "DeveloperToken": self.account.developer_token.get_secret_value(),
        }

    def _request(
        self, http: httpx.Client | httpx.AsyncClient, operation: Operation[T], envelope: bytes
    ) -> httpx.Request:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation.name}"'}
        url = self.environment.soap_url(operation.service)
        return http.build_request("POST", url, content=envelope, headers=headers)


@dataclass(frozen=True, kw_only=True)
class SoapTransport(_Soap):
    """Carries operations out with an open `httpx.Client`, which its owner closes.

    Attributes:
        tokens: Source of access tokens. The token is part of the envelope, so `TokenAuth` cannot add it.
        http: The client.
    """

    tokens: TokenSource
    http: httpx.Client

    def call(self, operation: Operation[T]) -> T:
        """See `Transport.call`."""
        origin = self._origin(operation)
        with mark_unknown_outcome(operation):
            token = self.tokens.access_token()
            reply = self._send(operation, token)
            if reply.token_refused:
                reply = self._send(operation, self.tokens.access_token(refused=token))
            return read_answer(operation, reply, origin)

    def _send(self, operation: Operation[T], token: str) -> Reply:
        envelope = sdk.compose(operation, self._credentials(token))
        with exchange(self._origin(operation)):
            response = self.http.send(self._request(self.http, operation, envelope))
        return _reply_of(response, operation)


@dataclass(frozen=True, kw_only=True)
class AsyncSoapTransport(_Soap):
    """As `SoapTransport`, with an `httpx.AsyncClient` and without the SDK."""

    tokens: AsyncTokens
    http: httpx.AsyncClient

    async def call(self, operation: Operation[T]) -> T:
        """See `AsyncTransport.call`."""
        origin = self._origin(operation)
        with mark_unknown_outcome(operation):
            token = await self.tokens.access_token()
            reply = await self._send(operation, token)
            if reply.token_refused:
                reply = await self._send(operation, await self.tokens.access_token(refused=token))
            return read_answer(operation, reply, origin)

    async def _send(self, operation: Operation[T], token: str) -> Reply:
        envelope = soap_xml.compose(operation, self._credentials(token))
        with exchange(self._origin(operation)):
            response = await self.http.send(self._request(self.http, operation, envelope))
        return _reply_of(response, operation)


def _reply_of(response: httpx.Response, operation: Operation[T]) -> Reply:
    answer = soap_xml.read(response.content, operation.name)
    status = response.status_code
    if answer.fault_code and status in {httpx.codes.OK, httpx.codes.INTERNAL_SERVER_ERROR}:
        # SOAP has one status for all faults; live ones came with 200, too (observed).
        status = (
            httpx.codes.INTERNAL_SERVER_ERROR
            if answer.fault_code in _SERVER_FAULTS
            else httpx.codes.BAD_REQUEST
        )
    return Reply(
        status=status,
        payload=answer.payload,
        tracking_id=answer.tracking_id,
        retry_after=retry_after(response),
    )
