"""HTTP requests: clients with time-outs and proxies, filtered logs, and the translation of failures.

Upload and result URLs are secrets, and httpx logs every URL: `exchange` silences those logs for our own requests.
"""

from __future__ import annotations

import functools
import json
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypedDict

import httpx

from customer_match.errors import ConfigurationError
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import (
    Origin,
    ServiceConfigurationError,
    ServiceTerminalError,
    ServiceTransientError,
    safe_token,
)
from microsoft_advertising.proxies import AsyncByProxy, ByProxy
from microsoft_advertising.reply import Reply

__all__ = [
    "exchange",
    "fault_of",
    "json_of",
    "keep_quiet",
    "open_async_http",
    "open_http",
    "quiet",
    "reply_of",
    "retry_after",
]

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
"""Seconds without progress in connecting, sending and receiving. Calls normally take well under a second."""

USER_AGENT = "customer-match-airflow"


def open_http(environment: Environment) -> httpx.Client:
    """Open the HTTP client for all requests. It does not follow redirects.

    Proxies and private certificates come from environment variables (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`),
    except for a simulator on plain http, which is reached directly.

    Raises:
        ConfigurationError: The certificates cannot be read.
    """
    if environment.plain_http:
        return httpx.Client(**_options(), verify=_certificates(trust_env=False))
    return httpx.Client(**_options(), transport=ByProxy(_certificates(trust_env=True)))


def open_async_http(environment: Environment) -> httpx.AsyncClient:
    """As `open_http`, for coroutines."""
    if environment.plain_http:
        return httpx.AsyncClient(**_options(), verify=_certificates(trust_env=False))
    return httpx.AsyncClient(**_options(), transport=AsyncByProxy(_certificates(trust_env=True)))


class _Options(TypedDict):
    timeout: httpx.Timeout
    headers: dict[str, str]
    trust_env: bool
    follow_redirects: bool


def _options() -> _Options:
    return {
        "timeout": TIMEOUT,
        "headers": {"User-Agent": USER_AGENT},
        "trust_env": False,  # `ByProxy` reads the environment
        "follow_redirects": False,
    }


@functools.cache
def _certificates(*, trust_env: bool) -> ssl.SSLContext:
    """The trusted certificate authorities. Cached, because reading them takes longer than a call."""
    try:
        return httpx.create_ssl_context(trust_env=trust_env)
    except OSError as error:  # ssl.SSLError is one, too
        raise ConfigurationError(
            f"The certificates named by SSL_CERT_FILE or SSL_CERT_DIR cannot be read ({type(error).__name__}). "
            "Correct the variable on the machine that runs the tasks."
        ) from error


@contextmanager
def exchange(origin: Origin) -> Iterator[None]:
    """Wrap one request, sync or async: silence httpx's logs and translate its errors.

    httpx's error texts can contain an address, so messages give only the class of the error.

    Args:
        origin: For messages.

    Raises:
        ServiceTransientError: There was no (complete) answer.
        ServiceTerminalError: The service returned an address that cannot be used.
        ServiceConfigurationError: A header cannot be sent, or the certificates cannot be read.
    """
    try:
        with quiet():
            yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise ServiceTransientError(
            f"{origin}: no connection ({type(error).__name__}). If this persists, check the network, any proxy and "
            "the base URL on the connection.",
            undone=True,
        ) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ServiceTerminalError(
            f"{origin}: an address cannot be used ({type(error).__name__})"
        ) from None  # the cause shows the address
    except httpx.LocalProtocolError as error:
        raise ServiceConfigurationError(
            f"{origin}: a header cannot be sent ({type(error).__name__}). A token or an id on the connection contains "
            "an invalid character: enter it again."
        ) from None  # the cause may show it
    except httpx.ProxyError as error:
        raise ServiceTransientError(
            f"{origin}: the proxy in the environment (HTTPS_PROXY) refuses the connection. If this persists, ask the "
            "proxy's administrator, or add the host to NO_PROXY.",
            undone=True,
        ) from error
    except httpx.RequestError as error:
        raise ServiceTransientError(f"{origin}: the answer was lost ({type(error).__name__})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence libraries that would log URLs, tokens or bodies, for our own requests only."""
    silence = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(silence)


def keep_quiet(logger: str) -> None:
    """Add a logger to those that `quiet` silences. The filter does not apply to its child loggers."""
    logging.getLogger(logger).addFilter(_not_ours)


def json_of(response: httpx.Response) -> object:
    """The answer's JSON; None if it is not JSON."""
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def reply_of(response: httpx.Response) -> Reply:
    """Read a response: a JSON answer, or any other content with its HTTP status."""
    payload = json_of(response)
    tracked = safe_token(payload.get("TrackingId")) if isinstance(payload, dict) else ""
    return Reply(
        status=response.status_code,
        payload=payload,
        tracking_id=tracked or safe_token(response.headers.get("TrackingId")),
        retry_after=retry_after(response),
        incomplete=payload is None and _looks_truncated(response.content),
    )


def _looks_truncated(content: bytes) -> bool:
    """Whether unreadable content is the beginning of a JSON object, cut off by a gateway that reported success."""
    return content[:1] in {b"", b"{"}


def fault_of(response: httpx.Response, origin: Origin) -> Exception:
    """The exception for a refused request, by its error codes or else by the HTTP status."""
    return reply_of(response).failure(origin)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds of a `Retry-After` header; None if there is none, or a date."""
    value: str = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


_ours: ContextVar[bool] = ContextVar("microsoft_advertising_exchange", default=False)


def _not_ours(_: logging.LogRecord) -> bool:
    return not _ours.get()


for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    keep_quiet(_name)
