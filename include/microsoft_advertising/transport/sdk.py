"""Requests composed by Microsoft's SDK (`bingads`), from the WSDL that it ships.

The SDK's `ServiceClient` writes the whole envelope; it does not send it (`nosend`, an option of suds). Sending and
reading are this package's own, because the SDK's, all observed with 13.0.30.1: ignore proxies, log tokens and
bodies, drop null elements of arrays, raise seven kinds of exceptions of which some hide the fault, sleep on
throttling, and renew tokens by classes that cannot be aimed at another host.

`bingads` is imported when the first request is composed, never before: that takes most of a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from xml.sax.saxutils import escape

from include.microsoft_advertising.environment import Environment, Service
from include.microsoft_advertising.operations import Operation
from include.microsoft_advertising.transport.soap_types import REQUESTS, Array, Scalar, Struct, Type
from include.microsoft_advertising.transport.soap_xml import text_of
from include.microsoft_advertising.wire import keep_quiet, quiet

__all__ = ["SdkComposer"]

T = TypeVar("T")

_VERSION: Final = 13
_SERVICES: Final = {
    Service.BULK: "BulkService",
    Service.CAMPAIGN: "CampaignManagementService",
    Service.CUSTOMER: "CustomerManagementService",
}


class SdkComposer:
    """Composes requests. Thread-safe: the SDK's clients are not, so that each thread has its own (observed).

    Each client has its own cache of the WSDL, too: clients that share one send each other's tokens (observed).
    The first request to Campaign Management costs a thread half a second and 31 MB.

    Args:
        environment: Which contract; where requests go is not decided here.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._of_thread = threading.local()

    def compose(self, operation: Operation[T], credentials: Mapping[str, str]) -> bytes:
        """As `soap_xml.compose`."""
        with quiet():
            client = self._client(operation.service)
            client.authorization_data.authentication.credentials = credentials
            request = REQUESTS[operation.name]
            arguments = {
                name: _argument(client, value, request.fields[name]) for name, value in operation.body.items()
            }
            envelope: bytes = getattr(client, operation.name)(**arguments).envelope
        return envelope

    def _client(self, service: Service) -> Any:
        clients: dict[Service, Any] = self._of_thread.__dict__.setdefault("clients", {})
        if service not in clients:
            clients[service] = _new_client(service, self._environment)
        return clients[service]


class _Credentials:
    """What the SDK asks for the elements of the SOAP header."""

    credentials: Mapping[str, str]

    def enrich_headers(self, headers: dict[str, str]) -> None:
        headers |= self.credentials


def _new_client(service: Service, environment: Environment) -> Any:
    from bingads import AuthorizationData, ServiceClient  # noqa: PLC0415, TID251 (here only: see the docstring)

    for name in logging.root.manager.loggerDict:
        if name.startswith("suds."):
            keep_quiet(name)
    return ServiceClient(
        _SERVICES[service],
        _VERSION,
        AuthorizationData(authentication=_Credentials()),
        "sandbox" if environment.sandbox else "production",
        location=environment.soap_url(service),
        nosend=True,
    )


def _argument(client: Any, value: Any, kind: Type) -> Any:
    """A value in suds' terms: None is left out there, so that nil has a form of its own."""
    from suds import null  # noqa: PLC0415 (comes with bingads)
    from suds.sax.text import Raw  # noqa: PLC0415

    if value is None:
        return null()
    if isinstance(kind, Scalar):
        return Raw(escape(text_of(value)))  # suds would take `&amp;` for escaped already (observed)
    if isinstance(kind, Array):
        return {kind.item: [_argument(client, item, kind.of) for item in value]}
    return _struct(client, value, kind)


def _struct(client: Any, value: Mapping[str, Any], kind: Struct) -> Any:
    """An object of the SDK's factory, which knows derived types; emptied, as it fills in what nobody gave."""
    made = client.factory.create(value["Type"] if value.get("Type") in kind.derived else kind.name)
    for name in list(made.__keylist__):
        delattr(made, name)
    for name, part in value.items():
        setattr(made, name, _argument(client, part, kind.fields[name]))
    return made
