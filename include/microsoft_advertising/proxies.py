"""Chooses the proxy of a request from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and the exceptions in `NO_PROXY`.

httpx 0.28 reads these variables too, but every new client raises `InvalidURL` if `NO_PROXY` holds an IPv6 network
(`fd00::/8`), as in dual-stack clusters, and it ignores IPv4 networks (both observed). So this module reads them: the
standard library finds proxies and host names, including the settings of Windows and macOS; `ipaddress` matches
networks.
"""

from __future__ import annotations

import ipaddress
import ssl
import threading
from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx

from customer_match.errors import ConfigurationError

__all__ = ["AsyncByProxy", "ByProxy", "proxy_for"]


def proxy_for(url: httpx.URL) -> str | None:
    """The URL of the proxy for an address; None if the address is reached directly."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or _is_exempt(url, proxies.get("no", "")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_exempt(url: httpx.URL, exceptions: str) -> bool:
    entries = [exception.strip() for exception in exceptions.split(",")]
    if "*" in entries or proxy_bypass(url.host if url.port is None else f"{url.host}:{url.port}"):
        return True
    try:
        address = ipaddress.ip_address(url.host)
    except ValueError:
        return False
    return any(_covers(exception, address) for exception in entries)


def _covers(exception: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an exception is this address, in any notation, or a network that contains it."""
    try:
        return address in ipaddress.ip_network(exception.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False


class ByProxy(httpx.BaseTransport):
    """An httpx transport that sends each request through its own proxy. Thread-safe.

    Args:
        certificates: The trusted certificate authorities.
    """

    def __init__(self, certificates: ssl.SSLContext) -> None:
        self._certificates = certificates
        self._transports: dict[str | None, httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request (interface of httpx)."""
        proxy = proxy_for(request.url)
        with self._lock:
            if proxy not in self._transports:
                self._transports[proxy] = httpx.HTTPTransport(
                    verify=self._certificates, trust_env=False, proxy=_usable(proxy)
                )
        return self._transports[proxy].handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            transport.close()


class AsyncByProxy(httpx.AsyncBaseTransport):
    """As `ByProxy`, for the coroutines of one event loop."""

    def __init__(self, certificates: ssl.SSLContext) -> None:
        self._certificates = certificates
        self._transports: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request (interface of httpx)."""
        proxy = proxy_for(request.url)
        if proxy not in self._transports:
            self._transports[proxy] = httpx.AsyncHTTPTransport(
                verify=self._certificates, trust_env=False, proxy=_usable(proxy)
            )
        return await self._transports[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            await transport.aclose()


_SCHEMES: Final = frozenset({"http", "https"})


def _usable(proxy: str | None) -> httpx.Proxy | None:
    """The proxy as an object of httpx. Messages leave out its address, which may hold a password.

    Raises:
        ConfigurationError: The address cannot be used.
    """
    if proxy is None:
        return None
    try:
        url = httpx.URL(proxy)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL()
    if url.scheme not in _SCHEMES or not url.host:
        raise ConfigurationError(
            "The proxy in the environment cannot be used: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY must look like "
            "http://proxy:3128 (SOCKS is not supported). Correct the variable, or list the hosts that are reached "
            "directly in NO_PROXY."
        )
    return httpx.Proxy(url)
