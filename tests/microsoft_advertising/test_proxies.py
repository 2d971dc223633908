"""The choice of the proxy and its exceptions, also with a real proxy."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from customer_match.errors import ConfigurationError, TransientError
from microsoft_advertising import wire
from microsoft_advertising.account import Account
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.auth.sign_in import SignIn
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from microsoft_advertising.proxies import proxy_for
from microsoft_advertising.retrying import RetryPolicy
from microsoft_advertising.transport.choice import TransportName

ONCE = RetryPolicy(attempts=1)
PROXY = "http://proxy.contoso.com:3128"
SERVICE = "https://bulk.api.bingads.microsoft.com/Bulk/v13"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("exceptions", "url", "direct"),
    [
        ("", SERVICE, False),
        ("fd00::/8", SERVICE, False),
        ("localhost,127.0.0.1,::1,[::1],10.0.0.0/8,fd00::/8,.svc,.cluster.local", SERVICE, False),
        ("*", SERVICE, True),
        ("fd00::/8, *", SERVICE, True),
        (".microsoft.com", SERVICE, True),
        ("microsoft.com", SERVICE, True),
        ("soft.com", SERVICE, False),
        ("fd00::/8, bulk.api.bingads.microsoft.com", SERVICE, True),
        ("fd00::/8", "https://[fd00::5]:8443/x", True),
        ("fd00::/8", "https://[fe00::5]/x", False),
        ("::1", "https://[::1]:8443/x", True),
        ("[::1]", "https://[::1]:8443/x", True),
        ("[fd00::]/8", "https://[fd00::1]/x", True),
        ("10.0.0.0/8", "https://10.1.2.3/x", True),
        ("10.0.0.0/8", "https://11.1.2.3/x", False),
        ("10.1.2.3", "https://10.1.2.3:8443/x", True),
        ("10.1.2.3/33, fd00::/300, ::::, /8, [, https://x, %, ' '", "https://10.1.2.3/x", False),
    ],
)
def test_no_proxy_exempts_hosts_and_networks(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, url: str, direct: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_for(httpx.URL(url)) == (None if direct else PROXY)


def test_a_scheme_s_own_proxy_goes_before_the_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for(httpx.URL(SERVICE)) is None
    monkeypatch.setenv("all_proxy", "all.contoso.com:1")
    assert proxy_for(httpx.URL(SERVICE)) == "http://all.contoso.com:1"
    monkeypatch.setenv("https_proxy", PROXY)
    assert proxy_for(httpx.URL(SERVICE)) == PROXY
    assert proxy_for(httpx.URL("http://x.example")) == "http://all.contoso.com:1"


# --- With a proxy that refuses, and records its requests ---------------------------------------------------------


@contextmanager
def a_proxy() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(4000).decode().partition("\r\n")[0])
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture(params=["sync", "async"])
def calls(request: pytest.FixtureRequest, account: Account) -> Any:
    def sync(transport: TransportName) -> None:
        with Client(account, PRODUCTION, retries=ONCE, transport=transport) as client:
            client.list_audiences()

    async def asynchronous(transport: TransportName) -> None:
        async with AsyncClient(account, PRODUCTION, retries=ONCE, transport=transport) as client:
            await client.upload_status("r")

    return sync if request.param == "sync" else lambda transport: asyncio.run(asynchronous(transport))


PRODUCTION = Environment.named("production")


@pytest.mark.parametrize("exceptions", ["fd00::/8", "10.0.0.0/8,::1,[::1],fd00::/8,.svc", ""])
@pytest.mark.parametrize("transport", list(TransportName))
def test_calls_use_the_proxy_whatever_its_exceptions(
    monkeypatch: pytest.MonkeyPatch, calls: Any, transport: TransportName, exceptions: str
) -> None:
    with a_proxy() as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("NO_PROXY", exceptions)
        with pytest.raises(TransientError, match="HTTPS_PROXY"):
            calls(transport)
    assert asked == ["CONNECT login.microsoftonline.com:443 HTTP/1.1"]


def test_a_sign_in_uses_the_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_proxy() as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("NO_PROXY", "fd00::/8")
        with pytest.raises(TransientError, match="HTTPS_PROXY"):
            SignIn("app", None, PRODUCTION, "http://localhost")
    assert asked == ["CONNECT login.microsoftonline.com:443 HTTP/1.1"]


def test_an_exception_is_reached_directly(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    """A service over https, on a port where nothing listens."""
    with a_proxy() as (address, asked), socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("NO_PROXY", "fd00::/8,127.0.0.0/8")
        environment = Environment.at(f"https://127.0.0.1:{unused.getsockname()[1]}")
        with (
            Client(account, environment, retries=ONCE) as client,
            pytest.raises(TransientError, match="no connection"),
        ):
            client.list_audiences()
    assert asked == []


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "proxy", ["socks5://secret:proxy@p:1", "socks5h://p", "ftp://p", "http://", "http://p:port", "//"]
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, calls: Any, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(
        ConfigurationError, match=r"HTTPS_PROXY, HTTP_PROXY or ALL_PROXY must look like"
    ) as caught:
        calls(TransportName.REST)
    assert "secret" not in str(caught.value)


@pytest.mark.bad_input
def test_certificates_that_cannot_be_read_are_named_by_their_variable(
    monkeypatch: pytest.MonkeyPatch, account: Account
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    wire._certificates.cache_clear()
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        Client(account, PRODUCTION)
