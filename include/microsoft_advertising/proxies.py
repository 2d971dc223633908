"""Which proxy a request goes through: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and their exceptions in `NO_PROXY`.

httpx 0.28 reads these variables by itself, and raises `InvalidURL` for every client that is made where `NO_PROXY`
holds an IPv6 network (`fd00::/8`), as clusters of two stacks have it; an IPv4 network it takes and ignores (both
observed). So the variables are read here: proxies and names by the standard library, which also knows the settings
of Windows and macOS; networks by `ipaddress`.
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
    """The proxy for an address, as its URL; None if it is reached directly."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or _is_exempt(url, proxies.get("no", "")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_exempt(url: httpx.URL, exceptions: str) -> bool:
    named = [exception.strip() for exception in exceptions.split(",")]
    if "*" in named or proxy_bypass(url.host if url.port is None else f"{url.host}:{url.port}"):
        return True
    try:
        address = ipaddress.ip_address(url.host)
    except ValueError:
        return False
    return any(_holds(exception, address) for exception in named)


def _holds(exception: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an exception is a network, or an address in one of its spellings, with this address in it."""
    try:
        return address in ipaddress.ip_network(exception.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False


class ByProxy(httpx.BaseTransport):
    """Sends each request by the proxy that is meant for it. Thread-safe.

    Args:
        certificates: The authorities that are trusted.
    """

    def __init__(self, certificates: ssl.SSLContext) -> None:
        self._certificates = certificates
        self._ways: dict[str | None, httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Part of what httpx asks of a transport."""
        proxy = proxy_for(request.url)
        with self._lock:
            if proxy not in self._ways:
                self._ways[proxy] = httpx.HTTPTransport(
                    verify=self._certificates, trust_env=False, proxy=_usable(proxy)
                )
        return self._ways[proxy].handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        for way in self._ways.values():
            way.close()


class AsyncByProxy(httpx.AsyncBaseTransport):
    """The same for coroutines of one event loop."""

    def __init__(self, certificates: ssl.SSLContext) -> None:
        self._certificates = certificates
        self._ways: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Part of what httpx asks of a transport."""
        proxy = proxy_for(request.url)
        if proxy not in self._ways:
            self._ways[proxy] = httpx.AsyncHTTPTransport(
                verify=self._certificates, trust_env=False, proxy=_usable(proxy)
            )
        return await self._ways[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        for way in self._ways.values():
            await way.aclose()


_SCHEMES: Final = frozenset({"http", "https"})


def _usable(proxy: str | None) -> httpx.Proxy | None:
    """The proxy in httpx's terms; its address may hold a password, and so is not told.

    Raises:
        ConfigurationError: It cannot be used.
    """
    if proxy is None:
        return None
    try:
        url = httpx.URL(proxy)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL()
    if url.scheme not in _SCHEMES or not url.host:
        raise ConfigurationError(
            "The proxy of the environment cannot be used: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY must look like "
            "http://proxy:3128 (SOCKS is not supported). Correct it, or name the hosts that are reached directly in "
            "NO_PROXY."
        )
    return httpx.Proxy(url)
