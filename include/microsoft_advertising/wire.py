"""One exchange over HTTP: time-outs, proxies, what stays out of logs, and what a failed one means.

Upload and result URLs are secrets in themselves, and httpx logs every URL: `exchange` silences it for our own
requests.
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
"""Seconds without progress in connecting, sending and receiving. Calls answer in well under a second."""

USER_AGENT = "customer-match-airflow"


def open_http(environment: Environment) -> httpx.Client:
    """The HTTP client that everything here is sent with: it follows no redirects.

    Proxies and private certificates are taken from the environment variables (`HTTPS_PROXY`, `NO_PROXY`,
    `SSL_CERT_FILE`), except for a stand-in on plain http, which is reached directly.

    Raises:
        ConfigurationError: The certificates cannot be read.
    """
    if environment.plain_http:
        return httpx.Client(**_options(), verify=_certificates(trust_env=False))
    return httpx.Client(**_options(), transport=ByProxy(_certificates(trust_env=True)))


def open_async_http(environment: Environment) -> httpx.AsyncClient:
    """The same for coroutines."""
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
    """The authorities that are trusted. Reading them takes longer than a call, so that it is done once."""
    try:
        return httpx.create_ssl_context(trust_env=trust_env)
    except OSError as error:  # ssl.SSLError is one, too
        raise ConfigurationError(
            f"The certificates that SSL_CERT_FILE or SSL_CERT_DIR name cannot be read ({type(error).__name__}). "
            "Correct the variable where the tasks run."
        ) from error


@contextmanager
def exchange(origin: Origin) -> Iterator[None]:
    """Surrounds one exchange, sync or async: silences httpx and translates its errors.

    The texts of httpx's errors can hold an address, so that only their kinds are told.

    Args:
        origin: For messages.

    Raises:
        ServiceTransientError: There was no (whole) answer.
        ServiceTerminalError: The service named an address that cannot be used.
        ServiceConfigurationError: What is to be sent cannot be.
    """
    try:
        with quiet():
            yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise ServiceTransientError(
            f"{origin}: no connection ({type(error).__name__}). If this lasts, check network, proxies and "
            "the base URL on the connection.",
            undone=True,
        ) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ServiceTerminalError(
            f"{origin}: an address cannot be used ({type(error).__name__})"
        ) from None  # the cause tells the address
    except httpx.LocalProtocolError as error:
        raise ServiceConfigurationError(
            f"{origin}: a header cannot be sent ({type(error).__name__}). A token or an id on the connection holds a "
            "character that none has: enter it anew."
        ) from None  # the cause may show it
    except httpx.ProxyError as error:
        raise ServiceTransientError(
            f"{origin}: the proxy of the environment (HTTPS_PROXY) does not let this through. If this lasts, ask who "
            "runs it, or name the host in NO_PROXY.",
            undone=True,
        ) from error
    except httpx.RequestError as error:
        raise ServiceTransientError(f"{origin}: the answer was lost ({type(error).__name__})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silences the libraries that would log URLs, tokens or bodies, for our own doings only."""
    silence = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(silence)


def keep_quiet(logger: str) -> None:
    """Add a logger to those that `quiet` silences. Its filter does not see its children's records."""
    logging.getLogger(logger).addFilter(_not_ours)


def json_of(response: httpx.Response) -> object:
    """The answer's JSON; None if it is none."""
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def reply_of(response: httpx.Response) -> Reply:
    """A JSON answer, or whatever else came with its HTTP status."""
    payload = json_of(response)
    tracked = safe_token(payload.get("TrackingId")) if isinstance(payload, dict) else ""
    return Reply(
        status=response.status_code,
        payload=payload,
        tracking_id=tracked or safe_token(response.headers.get("TrackingId")),
        retry_after=retry_after(response),
        incomplete=payload is None and _is_begun(response.content),
    )


def _is_begun(content: bytes) -> bool:
    """Whether this is the beginning of a JSON object: cut off by somebody on the way who then called it whole."""
    return content[:1] in {b"", b"{"}


def fault_of(response: httpx.Response, origin: Origin) -> Exception:
    """The exception for a refused request: by the codes in the answer, else by the HTTP status."""
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
