"""Which hosts get tokens and members, and from which ones results are fetched; with real servers for requests."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from customer_match.errors import ConfigurationError, TransientError
from microsoft_advertising.account import Account
from microsoft_advertising.auth.authority import AuthorityHttp
from microsoft_advertising.bulk import transfer as files
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import Origin, ServiceTerminalError
from microsoft_advertising.hosts import (
    ForeignHost,
    address_of_authority,
    address_of_results,
    address_of_upload,
    is_public,
)
from microsoft_advertising.models import UploadTicket
from microsoft_advertising.retrying import RetryPolicy
from tests.microsoft_advertising.conftest import Reply, Service, json_reply, results_zip

ORIGIN = Origin("sending the upload file", "222")
PRODUCTION, SANDBOX = Environment.named("production"), Environment.named("sandbox")
STAND_IN = Environment.at("http://127.0.0.1:8080/below")
GATEWAY = Environment.at("https://gateway.contoso.com")
CODE = "?Code=upload-secret"
ONCE = RetryPolicy(attempts=1)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        (PRODUCTION, "https://fileupload.api.bingads.microsoft.com/Api/x"),
        (PRODUCTION, "https://fileupload.api.bingads.microsoft.com:443/Api/x"),
        (PRODUCTION, "HTTPS://FileUpload.API.BingAds.Microsoft.Com/Api/x"),
        (PRODUCTION, "https://bulk.bingads.microsoft.com/Api/x"),
        (SANDBOX, "https://fileupload.api.sandbox.bingads.microsoft.com/Api/x"),
        (STAND_IN, "http://127.0.0.1:8080/elsewhere"),
        (GATEWAY, "https://gateway.contoso.com:443/upload"),
        (
            GATEWAY.with_hosts("fileupload.api.bingads.microsoft.com, up.contoso.com:8443"),
            "https://up.contoso.com:8443/",
        ),
        (PRODUCTION.with_hosts("Upload.Contoso.com"), "https://upload.contoso.com/x"),
        (PRODUCTION.with_hosts("upload.contoso.com:443"), "https://upload.contoso.com/x"),
        (PRODUCTION.with_hosts("up_load.contoso.com"), "https://up_load.contoso.com/x"),
        (PRODUCTION.with_hosts("[fd00::5]:8443"), "https://[fd00::5]:8443/x"),
        (STAND_IN.with_hosts("127.0.0.1:9090"), "http://127.0.0.1:9090/x"),
    ],
)
def test_hosts_that_get_tokens(environment: Environment, url: str) -> None:
    assert address_of_upload(url + CODE, environment, ORIGIN).host in url.lower()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("environment", "url"),
    [
        (PRODUCTION, "https://evil.example/x"),
        (PRODUCTION, "https://evilbingads.microsoft.com/x"),
        (PRODUCTION, "https://bingads.microsoft.com.evil.example/x"),
        (PRODUCTION, "https://bingads.microsoft.com/x"),
        (PRODUCTION, "https://fileupload.api.bingads.microsoft.com./x"),
        (PRODUCTION, "https://fileupload.api.bingads.microsoft.com:8443/x"),
        (PRODUCTION, "http://fileupload.api.bingads.microsoft.com/x"),
        (PRODUCTION, "http://fileupload.api.bingads.microsoft.com:443/x"),
        (PRODUCTION, "https://fileupload.api.sandbox.bingads.microsoft.com/x"),
        (SANDBOX, "https://fileupload.api.bingads.microsoft.com/x"),
        (PRODUCTION, "https://evil.example/fileupload.api.bingads.microsoft.com"),
        (PRODUCTION, "https://evil.example?fileupload.api.bingads.microsoft.com"),
        (PRODUCTION, "https://evil.example#.bingads.microsoft.com"),
        (PRODUCTION, "https://evil.example\\.bingads.microsoft.com/x"),
        (PRODUCTION, "https://evil.example%2f.bingads.microsoft.com/x"),
        (PRODUCTION, "https://evil.example%00.bingads.microsoft.com/x"),
        (PRODUCTION, "https://fileupload.api.bingads.microsoft.com@evil.example/x"),
        (PRODUCTION, "https://u:p@fileupload.api.bingads.microsoft.com/x"),
        (PRODUCTION, "https://fileupload.api.bіngads.microsoft.com/x"),  # a Cyrillic і
        (PRODUCTION, "https://fileupload.api.ｂingads.microsoft.com/x"),
        (PRODUCTION, "https://fileupload。evil.example/x"),
        (PRODUCTION, "https://..bingads.microsoft.com/x"),
        (PRODUCTION, "https://127.0.0.1/x"),
        (PRODUCTION, "https://2130706433/x"),
        (PRODUCTION, "https://[::1]/x"),
        (PRODUCTION, "https://localhost/x"),
        (PRODUCTION, "ftp://fileupload.api.bingads.microsoft.com/x"),
        (PRODUCTION, "//fileupload.api.bingads.microsoft.com/x"),
        (PRODUCTION, "https:///x"),
        (PRODUCTION, "https://[fe80::1%25eth0]/x"),
        (PRODUCTION, "fileupload.api.bingads.microsoft.com/x"),
        (PRODUCTION, "https://fileupload.api.bingads.microsoft.com\n.evil.example/x"),
        (STAND_IN, "http://127.0.0.1:8081/x"),
        (STAND_IN, "http://localhost:8080/x"),
        (STAND_IN, "https://127.0.0.1:8080/x"),
        (STAND_IN, "https://fileupload.api.bingads.microsoft.com/x"),
        (GATEWAY, "https://fileupload.api.bingads.microsoft.com/x"),
        (GATEWAY, "https://gateway.contoso.com:444/x"),
        (GATEWAY, "http://gateway.contoso.com/x"),
        (GATEWAY.with_hosts("up.contoso.com"), "http://up.contoso.com/x"),
        (GATEWAY.with_hosts("up.contoso.com"), "https://up.contoso.com:8443/x"),
        (GATEWAY.with_hosts("contoso.com"), "https://up.contoso.com/x"),
    ],
)
def test_hosts_that_get_no_tokens(environment: Environment, url: str) -> None:
    with pytest.raises(ServiceTerminalError) as caught:
        address_of_upload(url + CODE, environment, ORIGIN)
    assert "upload-secret" not in str(caught.value)
    assert "u:p" not in str(caught.value)


def test_the_message_names_the_host_and_the_solution() -> None:
    with pytest.raises(ForeignHost) as caught:
        address_of_upload("https://evil.example:8443/path?sig=upload-secret", PRODUCTION, ORIGIN)
    assert str(caught.value) == (
        "sending the upload file for account 222: the service, or the ledger in the workspace, gives evil.example:8443 "
        "as the host to send members and tokens to, but it is not a host of the environment production. Nothing was "
        "sent there. Find out where this address comes from. If Microsoft Advertising or your own gateway does use "
        "this host, add it to the connection's field Further hosts (`hosts`)."
    )


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "text",
    ["https://up.contoso.com", "*.contoso.com", "up.contoso.com/x", "u@up", "a:b", ".", "x.", "fd00::5"],
)
def test_further_hosts_are_hosts(text: str) -> None:
    with pytest.raises(ConfigurationError, match="Further hosts"):
        PRODUCTION.with_hosts(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://bingadsappsstorageprod.blob.core.windows.net/results/x.zip?sig=s",
        "https://bingadsappsstorageprod.blob.core.windows.net:443/results/x.zip?sig=s",
        "https://8.8.8.8/x",
        "https://xn--bcher-kva.example:8443/x",
        "https://[2600::1]/x",
    ],
)
def test_results_may_be_at_any_public_address(url: str) -> None:
    assert str(address_of_results(url, PRODUCTION, ORIGIN)).startswith("https://")


INSIDE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0x7f000001", "0", "10.0.0.5", "192.168.1.1",
    "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "[::1]", "[::]",
    "[fd00::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "localhost", "LOCALHOST", "x.localhost", "metadata", "metadata.google.internal", "printer.local",
]  # fmt: skip


@pytest.mark.bad_input
@pytest.mark.parametrize("host", INSIDE)
def test_results_are_never_at_private_addresses(host: str) -> None:
    for environment in (PRODUCTION, STAND_IN, GATEWAY):
        with pytest.raises(ServiceTerminalError):
            address_of_results(f"https://{host}/x?sig=upload-secret", environment, ORIGIN)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "url", ["http://8.8.8.8/x", "http://x.blob.core.windows.net/x", "file:///etc/passwd", "ftp://x.example/x"]
)
def test_results_come_over_https(url: str) -> None:
    with pytest.raises(ServiceTerminalError):
        address_of_results(url, PRODUCTION, ORIGIN)


def test_results_of_a_trusted_host_may_be_at_a_private_address() -> None:
    assert (
        address_of_results("https://10.0.0.5/x", PRODUCTION.with_hosts("10.0.0.5"), ORIGIN).host == "10.0.0.5"
    )
    assert address_of_results("http://127.0.0.1:8080/x", STAND_IN, ORIGIN).port == 8080


def test_public_addresses() -> None:
    assert is_public(ipaddress.ip_address("20.60.1.1"))
    assert is_public(ipaddress.ip_address("::ffff:20.60.1.1"))
    assert is_public(ipaddress.ip_address("64:ff9b::20.60.1.1"))
    assert is_public(ipaddress.ip_address("2603:1030::5"))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "address",
    [
        *(
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
            "::ffff:0:10.0.0.1",
            "::10.0.0.1",
            "::1",
            "::",
        ),
        *("64:ff9b:1::1", "fec0::1", "fd00:ec2::254", "fe80::1", "ff0e::1"),
        *("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "224.0.0.1"),
    ],
)
def test_private_addresses(address: str) -> None:
    """Private addresses in all notations, and those of a cloud platform's own services."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "url",
    [
        "https://login.evil.example/common/oauth2/v2.0/token",
        "http://login.microsoftonline.com/common/oauth2/v2.0/token",
        "https://login.microsoftonline.com:8443/common/oauth2/v2.0/token",
        "https://login.microsoftonline.com./common/oauth2/v2.0/token",
        "https://login.microsoftonline.com@evil.example/token",
    ],
)
def test_sign_ins_use_only_the_authoritys_host(url: str) -> None:
    with pytest.raises(ServiceTerminalError):
        address_of_authority(url, PRODUCTION, ORIGIN)
    with pytest.raises(ServiceTerminalError):
        AuthorityHttp(PRODUCTION, ORIGIN).post(url, data={"refresh_token": "refresh-secret"})


# --- Over sockets ------------------------------------------------------------------------------------------

Do = Callable[..., Any]


@pytest.fixture
def do(account: Account) -> Do:
    """Makes one call with a new client."""

    def call(environment: Environment, name: str, *arguments: Any) -> Any:
        with Client(account, environment, retries=ONCE) as client:
            result = getattr(client, name)(*arguments)
            return list(result) if name == "row_errors" else result

    return call


@pytest.fixture
def stranger() -> Iterator[Service]:
    other = Service()
    yield other
    other.close()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "part.zip"
    path.write_bytes(b"members")
    return path


RESULTS = "Type,Client Id,Error,Error Number\nFormat Version,,,\n"


def test_an_upload_url_is_checked_on_arrival(
    do: Do, service: Service, stranger: Service, environment: Environment
) -> None:
    reply = {"RequestId": "r-1", "UploadUrl": f"{stranger.base_url}/take?sig=upload-secret"}
    service.on("/Bulk/v13/BulkUploadUrl/Query", json_reply(reply))
    with pytest.raises(ForeignHost, match=stranger.base_url.removeprefix("http://")) as caught:
        do(environment, "request_upload")
    assert "upload-secret" not in str(caught.value)


def test_an_upload_url_is_checked_again_before_the_file_is_sent(
    do: Do, stranger: Service, service: Service, environment: Environment, part: Path
) -> None:
    """The URL may have been read from the workspace."""
    with pytest.raises(ForeignHost):
        do(environment, "upload_file", UploadTicket("r-1", f"{stranger.base_url}/take"), part)
    assert stranger.seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_token_follows_a_redirect(
    do: Do, stranger: Service, service: Service, environment: Environment, part: Path, *, status: int
) -> None:
    elsewhere = Reply(status, b"", {"Location": f"{stranger.base_url}/take"})
    service.on("/upload", elsewhere)
    service.on("/Bulk/v13/BulkUploadStatus/Query", elsewhere)
    service.on("/common/oauth2/v2.0/token", elsewhere)
    with pytest.raises((ConfigurationError, ServiceTerminalError)):
        do(environment, "upload_file", UploadTicket("r-1", f"{service.base_url}/upload"), part)
    with pytest.raises((ConfigurationError, ServiceTerminalError)):
        do(environment, "upload_status", "r-1")
    service.token_reply = lambda _: elsewhere
    with pytest.raises((ConfigurationError, ServiceTerminalError)):
        do(environment, "upload_status", "r-1")
    assert stranger.seen == []


def test_results_are_requested_without_tokens(do: Do, service: Service, environment: Environment) -> None:
    service.on("/first", Reply(302, b"", {"Location": "/results"}))
    service.on("/results", Reply(200, results_zip(RESULTS)))
    assert do(environment, "row_errors", f"{service.base_url}/first") == []
    for request in (*service.calls("/first"), *service.calls("/results")):
        assert not {"authorization", "authenticationtoken", "developertoken", "customerid"} & {
            name.lower() for name in request.headers
        }


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_redirect_to_a_private_address_is_not_followed(
    do: Do, service: Service, stranger: Service, environment: Environment, scheme: str
) -> None:
    location = stranger.base_url.replace("http", scheme, 1) + "/secrets?sig=upload-secret"
    service.on("/results", Reply(302, b"", {"Location": location}))
    with pytest.raises(ForeignHost, match=r"127\.0\.0\.1") as caught:
        do(environment, "row_errors", f"{service.base_url}/results")
    assert stranger.seen == []
    assert "upload-secret" not in str(caught.value)


def test_results_are_requested_at_five_addresses_at_most(
    do: Do, service: Service, environment: Environment
) -> None:
    service.on("/results", Reply(302, b"", {"Location": "/results"}))
    with pytest.raises(ServiceTerminalError, match="more than 4 redirects"):
        do(environment, "row_errors", f"{service.base_url}/results")
    assert len(service.calls("/results")) == 5


def test_results_that_never_end(
    do: Do, service: Service, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_RESULT_SECONDS", -1)
    service.on("/results", Reply(200, results_zip(RESULTS)))
    with pytest.raises(TransientError, match="not finished after"):
        do(environment, "row_errors", f"{service.base_url}/results")


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """Records connections and their data."""
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hear() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                said.append(connection.recv(1000))

        thread = threading.Thread(target=hear, daemon=True)
        thread.start()
        yield server.getsockname()[1], said
        thread.join(5)


@pytest.mark.parametrize("environment", [STAND_IN, GATEWAY, PRODUCTION])
def test_a_public_name_that_resolves_to_a_private_address(
    do: Do, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connected address is checked before a byte is sent, whatever DNS answers and however often that changes."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    real = socket.getaddrinfo

    def rebound(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if name == "results.example.com" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with listening() as (port, said), pytest.raises(ForeignHost) as caught:
        do(environment, "row_errors", f"https://results.example.com:{port}/x?sig=upload-secret")
    assert said == [b""]
    assert f"results.example.com:{port}, which resolves to a private network" in str(caught.value)
