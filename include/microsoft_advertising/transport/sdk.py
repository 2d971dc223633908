"""Composes SOAP requests with Microsoft's SDK (`bingads`), from the WSDL that it ships.

The SDK's `ServiceClient` writes the whole envelope but does not send it (`nosend`, an option of suds). This package
sends requests and reads answers itself, because suds ignores proxies, logs tokens and bodies, opens a connection for
each call and drops null elements of arrays, and the SDK raises half a dozen kinds of exceptions, some of which hide the
fault (all observed with 13.0.30.1).

`bingads` is imported when the first request is composed, because the import takes most of a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from xml.sax.saxutils import escape

from customer_match.errors import ConfigurationError
from microsoft_advertising.environment import Service
from microsoft_advertising.operations import Operation
from microsoft_advertising.transport.soap_types import REQUESTS, Array, Scalar, Struct, Type
from microsoft_advertising.transport.soap_xml import text_of
from microsoft_advertising.wire import keep_quiet, quiet

__all__ = ["compose"]

T = TypeVar("T")

_VERSION: Final = 13
_SERVICES: Final = {
    Service.BULK: "BulkService",
    Service.CAMPAIGN: "CampaignManagementService",
    Service.CUSTOMER: "CustomerManagementService",
}

_idle: Final[dict[Service, list[Any]]] = {service: [] for service in Service}
"""Clients of the SDK that no thread is using."""
_lock: Final = threading.Lock()
"""Held while a client is taken or created: a thread that waits for it may find one that was returned meanwhile."""


def compose(operation: Operation[T], credentials: Mapping[str, str]) -> bytes:
    """As `soap_xml.compose`, which writes the same envelope (a test compares them)."""
    with quiet(), _borrow_client(operation.service) as client:
        header = {name: _text(value) for name, value in credentials.items()}
        client.authorization_data.authentication.header = header
        fields = REQUESTS[operation.name].fields
        arguments = {name: _argument(client, value, fields[name]) for name, value in operation.body.items()}
        envelope: bytes = getattr(client, operation.name)(**arguments).envelope
    return envelope


@contextmanager
def _borrow_client(service: Service) -> Iterator[Any]:
    """Borrow a client of the SDK for this thread only, because clients are not thread-safe (observed).

    Clients are returned to a pool rather than kept per thread, because threads that send members live for one part
    only, and a client for Campaign Management costs half a second and 31 MB. All connections share the pool: the header
    is set for each request. Each client has its own cache of the WSDL, because clients that share one send each other's
    tokens (observed).
    """
    with _lock:
        client = _idle[service].pop() if _idle[service] else _new_client(service)
    try:
        yield client
    finally:
        _idle[service].append(client)


class _Header:
    """Gives the SDK the elements of the SOAP header."""

    header: Mapping[str, Any]

    def enrich_headers(self, headers: dict[str, Any]) -> None:
        headers |= self.header


def _new_client(service: Service) -> Any:
    """Create a client for the production contract, which the sandbox shares."""
    try:
        from bingads import AuthorizationData, ServiceClient  # noqa: PLC0415, TID251 (here only: see above)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The SOAP transport needs the package {error.name!r}. Install it with its extra: "
            "pip install 'customer-match-airflow[soap]'. Or choose `rest` as the connection's transport."
        ) from None

    for name in list(logging.root.manager.loggerDict):  # other threads may add to it
        if name.startswith("suds."):
            keep_quiet(name)
    return ServiceClient(
        _SERVICES[service], _VERSION, AuthorizationData(authentication=_Header()), nosend=True
    )


def _argument(client: Any, value: Any, kind: Type) -> Any:
    """Convert a value for suds. suds leaves None out, so nil has its own object."""
    from suds import null  # noqa: PLC0415 (comes with bingads)

    if value is None:
        return null()
    if isinstance(kind, Scalar):
        return _text(value)
    if isinstance(kind, Array):
        return {kind.item: [_argument(client, item, kind.of) for item in value]}
    return _struct(client, value, kind)


def _text(value: object) -> Any:
    """Escape a text: suds treats `&amp;` as already escaped, and would send `&` (observed)."""
    from suds.sax.text import Raw  # noqa: PLC0415 (comes with bingads)

    return Raw(escape(text_of(value)))


def _struct(client: Any, value: Mapping[str, Any], kind: Struct) -> Any:
    """Create an object with the SDK's factory, which knows derived types. Its default values are removed first."""
    name = value["Type"] if value.get("Type") in kind.derived else kind.name
    made = client.factory.create(
        f"{{{kind.namespace}}}{name}"
    )  # without a namespace, suds searches requests only
    for name in list(made.__keylist__):
        delattr(made, name)
    for name, part in value.items():
        setattr(made, name, _argument(client, part, kind.fields[name]))
    return made
