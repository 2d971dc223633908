"""The REST transport: JSON over HTTP, one request per operation; sync and async share all but the sending."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx

from include.microsoft_advertising.account import Account
from include.microsoft_advertising.environment import Environment
from include.microsoft_advertising.faults import (
    Origin,
    OutcomeUnknown,
    ServiceTerminalError,
    ServiceTransientError,
    error_of,
    errors_in,
    is_fault,
    safe_token,
)
from include.microsoft_advertising.operations import Operation
from include.microsoft_advertising.signing import Signed, account_headers
from include.microsoft_advertising.wire import exchange, fault_of, json_of

__all__ = ["AsyncRestTransport", "RestTransport"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Rest:
    """Which requests are sent.

    Attributes:
        environment: Where the services are.
        account: Whose headers the requests bear.
        signed: Puts the token on.
    """

    environment: Environment
    account: Account
    signed: Signed

    def _origin(self, operation: Operation[T]) -> Origin:
        return Origin(operation.name, self.account.account_id)

    def _request(self, http: httpx.Client | httpx.AsyncClient, operation: Operation[T]) -> httpx.Request:
        url = self.environment.url(operation.service) + operation.path
        headers = account_headers(self.account)
        return http.build_request(operation.method, url, json=operation.body, headers=headers)


@dataclass(frozen=True, kw_only=True)
class RestTransport(_Rest):
    """Carries operations out over an open `httpx.Client`, which stays its owner's."""

    http: httpx.Client

    def call(self, operation: Operation[T]) -> T:
        """See `Transport.call`."""
        origin = self._origin(operation)
        with _done_or_not(operation):
            with exchange(origin):
                response = self.http.send(self._request(self.http, operation), auth=self.signed)
            return _read(operation, response, origin)


@dataclass(frozen=True, kw_only=True)
class AsyncRestTransport(_Rest):
    """The same over an `httpx.AsyncClient`."""

    http: httpx.AsyncClient

    async def call(self, operation: Operation[T]) -> T:
        """See `AsyncTransport.call`."""
        origin = self._origin(operation)
        with _done_or_not(operation):
            with exchange(origin):
                response = await self.http.send(self._request(self.http, operation), auth=self.signed)
            return _read(operation, response, origin)


def _read(operation: Operation[T], response: httpx.Response, origin: Origin) -> T:
    payload = json_of(response)
    tracking_id = safe_token(response.headers.get("TrackingId"))
    _log.debug("%s: HTTP %s, TrackingId %s", origin, response.status_code, tracking_id or "unknown")
    refused = not response.is_success or is_fault(payload)
    errors = errors_in(payload) if refused else errors_in(payload, "PartialErrors")
    answering = operation.settles if refused else operation.settles | operation.about_items
    remaining = tuple(error for error in errors if error.code not in answering)
    if remaining:
        raise error_of(remaining, origin, tracking_id=tracking_id)
    if refused and not errors:
        raise fault_of(response, origin)
    try:
        return operation.read({} if refused else _object(payload))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise _unreadable(operation, origin, tracking_id) from None  # the cause may repeat the answer


def _object(payload: object) -> Mapping[str, object]:
    if not isinstance(payload, dict):
        raise TypeError("the answer is no JSON object")
    return payload


def _unreadable(operation: Operation[T], origin: Origin, tracking_id: str) -> Exception:
    message = f"{origin}: the answer has not the documented shape [TrackingId {tracking_id or 'unknown'}]. "
    if operation.uncertain or not operation.repeatable:
        return OutcomeUnknown(message + "It may have been done nevertheless.")
    return ServiceTerminalError(message + "Check the base URL on the connection; else please report this.")


@contextmanager
def _done_or_not(operation: Operation[T]) -> Iterator[None]:
    """A failure that leaves open whether an unrepeatable operation was done says so."""
    try:
        yield
    except ServiceTransientError as error:
        if operation.repeatable or error.undone:
            raise
        raise OutcomeUnknown(f"{error}. It may have been done nevertheless.") from error
