"""File transfer with the service: upload of a Bulk file, download of its results.

Both use URLs that the service returns, whatever the transport of the calls; `hosts` decides which URLs are allowed.
Uploads carry tokens and never follow redirects; downloads carry no tokens.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import httpx

from customer_match.errors import TerminalError
from microsoft_advertising.account import Account
from microsoft_advertising.auth.signing import TokenAuth, account_headers
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import (
    Origin,
    ResultsExpired,
    ServiceTerminalError,
    ServiceTransientError,
    errors_in,
)
from microsoft_advertising.hosts import (
    ForeignHost,
    address_of_results,
    address_of_upload,
    check_peer,
)
from microsoft_advertising.limits import MAX_FILE_BYTES, MAX_RESULT_SECONDS, MAX_RESULT_ZIP_BYTES
from microsoft_advertising.models import UploadTicket
from microsoft_advertising.proxies import proxy_for
from microsoft_advertising.wire import TIMEOUT, exchange, fault_of, json_of

__all__ = ["Files"]

ALREADY_UPLOADED: Final = 3224

UPLOAD_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0, read=300.0)
"""Seconds without progress. After the last byte the service may need some time to store 100 MB."""

_GONE: Final = frozenset({403, 404, 410})
"""Statuses of a storage service for a URL with an expired signature or a deleted file."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """Uploads and downloads files.

    Attributes:
        environment: Defines the service's hosts.
        account: For the headers of an upload.
        auth: Adds the token to an upload.
        http: An open client, which its owner closes.
    """

    environment: Environment
    account: Account
    auth: TokenAuth
    http: httpx.Client

    def check(self, ticket: UploadTicket) -> None:
        """Check the upload address before the ticket is recorded.

        Raises:
            ForeignHost: It is not on one of the service's hosts.
        """
        address_of_upload(ticket.upload_url, self.environment, self._origin(_UPLOAD))

    def upload(self, ticket: UploadTicket, path: Path) -> None:
        """As `Client.upload_file`, without retries."""
        origin = self._origin(_UPLOAD)
        with _open_upload(path) as file:
            request = self._upload_request(ticket, file, path)
            with exchange(origin):
                response = self.http.send(request, auth=self.auth)
        _read_upload_answer(response, origin)

    def _upload_request(self, ticket: UploadTicket, file: IO[bytes], path: Path) -> httpx.Request:
        """A request that streams the file as its only part. The file name is neutral; its extension matters (3223)."""
        part = (f"upload{path.suffix.lower()}", file, "application/octet-stream")
        # AccountId is the documented name here, CustomerAccountId that of all other calls; both are sent.
        headers = account_headers(self.account) | {"AccountId": self.account.account_id}
        url = address_of_upload(ticket.upload_url, self.environment, self._origin(_UPLOAD))
        return self.http.build_request(
            "POST", url, files={"file": part}, headers=headers, timeout=UPLOAD_TIMEOUT
        )

    def download(self, url: str) -> IO[bytes]:
        """The results in an unnamed temporary file, without retries."""
        origin, address = self._origin(_DOWNLOAD), self._source(url)
        with _BoundedFile(origin) as sink, exchange(origin):
            for _ in range(_MAX_HOPS):
                with self.http.stream(
                    "GET", address, timeout=TIMEOUT, extensions={"trace": self._peer_check(address)}
                ) as response:
                    if response.next_request is None:
                        _check_download(response, origin)
                        for data in response.iter_bytes():
                            sink.write(data)
                        return sink.file
                    address = self._source(str(response.next_request.url))
            raise _too_many_hops(origin)

    def _source(self, url: str) -> httpx.URL:
        return address_of_results(url, self.environment, self._origin(_DOWNLOAD))

    def _peer_check(self, url: httpx.URL) -> Callable[[str, Mapping[str, Any]], None]:
        """A callback for httpcore's events (extension `trace`); its exceptions end the request."""

        def check(event: str, info: Mapping[str, Any]) -> None:
            if event == _CONNECTED:
                try:
                    self._check_peer(url, info["return_value"])
                except ForeignHost:
                    info["return_value"].close()
                    raise

        return check

    def _check_peer(self, url: httpx.URL, stream: Any) -> None:
        """Check the connected address. A proxy resolves names itself, so behind a proxy the proxy must check."""
        if self.environment.plain_http or not proxy_for(url):
            peer = stream.get_extra_info("server_addr")
            check_peer(str(peer[0]), url, self.environment, self._origin(_DOWNLOAD))

    def _origin(self, what: str) -> Origin:
        return Origin(what, self.account.account_id)


_UPLOAD, _DOWNLOAD = "sending the upload file", "fetching the upload's results"

_CONNECTED: Final = "connection.connect_tcp.complete"

_MAX_HOPS: Final = 5
"""Maximum number of addresses for one download, including the first. Each is checked against private networks."""


def _too_many_hops(origin: Origin) -> ServiceTerminalError:
    return ServiceTerminalError(f"{origin}: more than {_MAX_HOPS - 1} redirects")


@contextmanager
def _open_upload(path: Path) -> Iterator[IO[bytes]]:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise TerminalError(
            f"The upload file {path.name} has {size} bytes, but the service accepts at most {MAX_FILE_BYTES}: "
            "use smaller parts."
        )
    with path.open("rb") as file:
        yield file


def _read_upload_answer(response: httpx.Response, origin: Origin) -> None:
    """Raise unless the file has arrived. The body of a 200 (a tracking id) is undocumented and not needed.

    3224 means the same: only we use a ticket, and for one file, so a URL that was used before was used by an earlier
    attempt whose answer was lost. The upload's status tells whether that attempt was complete.
    """
    codes = {error.code for error in errors_in(json_of(response))}
    if not response.is_success and codes != {ALREADY_UPLOADED}:
        raise fault_of(response, origin)


def _check_download(response: httpx.Response, origin: Origin) -> None:
    """Raise unless the download succeeded. The body of an error is not read: a storage service returns XML."""
    if response.is_success:
        return
    what = f"{origin}: HTTP status {response.status_code}"
    if response.status_code in _GONE:
        raise ResultsExpired(
            f"{what}: the result URL has expired. Request the upload's status, which returns a new one."
        )
    if response.status_code in {408, 429} or response.is_server_error:
        raise ServiceTransientError(what)
    raise ServiceTerminalError(what)


class _BoundedFile:
    """A temporary file with limits on size and time; closed at once if a write fails."""

    def __init__(self, origin: Origin) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (handed on to the caller)
        self._origin = origin
        self._left = MAX_RESULT_ZIP_BYTES
        self._until = time.monotonic() + MAX_RESULT_SECONDS

    def __enter__(self) -> _BoundedFile:
        return self

    def write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise ServiceTerminalError(f"{self._origin}: more than {MAX_RESULT_ZIP_BYTES} bytes")
        if time.monotonic() > self._until:
            raise ServiceTransientError(f"{self._origin}: not finished after {MAX_RESULT_SECONDS} s")
        self.file.write(data)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.file.close()
