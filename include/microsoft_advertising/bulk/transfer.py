"""Files to and from the service: the upload of a Bulk file, the download of its results.

Both go to URLs that the service hands out, whatever the transport of the calls is; `hosts` says which may be used.
An upload, which bears tokens, is never redirected; results are fetched without any.
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
from microsoft_advertising.auth.signing import Signed, account_headers
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
"""Seconds without progress. After the last byte the service may take its time to store 100 MB."""

_GONE: Final = frozenset({403, 404, 410})
"""How a storage service refuses a URL whose signature has expired, or whose file is gone."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """Sends and fetches files.

    Attributes:
        environment: Tells which hosts are the service's.
        account: Whose headers an upload bears.
        signed: Puts the token on an upload.
        http: An open client, which stays its owner's.
    """

    environment: Environment
    account: Account
    signed: Signed
    http: httpx.Client

    def check(self, ticket: UploadTicket) -> None:
        """Check where a file is to be sent before the ticket is recorded.

        Raises:
            ForeignHost: It is none of the service's hosts.
        """
        address_of_upload(ticket.upload_url, self.environment, self._origin(_UPLOAD))

    def upload(self, ticket: UploadTicket, path: Path) -> None:
        """See `Client.upload_file`; once, without retries."""
        origin = self._origin(_UPLOAD)
        with _open_upload(path) as file:
            request = self._upload_request(ticket, file, path)
            with exchange(origin):
                response = self.http.send(request, auth=self.signed)
        _read_upload_answer(response, origin)

    def _upload_request(self, ticket: UploadTicket, file: IO[bytes], path: Path) -> httpx.Request:
        """One part, streamed from the file. Its name is neutral, its extension counts (documented: 3223)."""
        part = (f"upload{path.suffix.lower()}", file, "application/octet-stream")
        # AccountId is the documented name here, CustomerAccountId that of all other calls; both are sent.
        headers = account_headers(self.account) | {"AccountId": self.account.account_id}
        url = address_of_upload(ticket.upload_url, self.environment, self._origin(_UPLOAD))
        return self.http.build_request(
            "POST", url, files={"file": part}, headers=headers, timeout=UPLOAD_TIMEOUT
        )

    def download(self, url: str) -> IO[bytes]:
        """The results, in a nameless temporary file; once, without retries."""
        origin, address = self._origin(_DOWNLOAD), self._source(url)
        with _Sink(origin) as sink, exchange(origin):
            for _ in range(_MOST_HOPS):
                with self.http.stream(
                    "GET", address, timeout=TIMEOUT, extensions={"trace": self._listener(address)}
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

    def _listener(self, url: httpx.URL) -> Callable[[str, Mapping[str, Any]], None]:
        """What httpcore tells of its doings (extension `trace`); what is raised here ends the request."""

        def listen(event: str, info: Mapping[str, Any]) -> None:
            if event == _CONNECTED:
                try:
                    self._check_peer(url, info["return_value"])
                except ForeignHost:
                    info["return_value"].close()
                    raise

        return listen

    def _check_peer(self, url: httpx.URL, stream: Any) -> None:
        """Check which address is connected; behind a proxy, which resolves names, the proxy must check it."""
        if self.environment.plain_http or not proxy_for(url):
            peer = stream.get_extra_info("server_addr")
            check_peer(str(peer[0]), url, self.environment, self._origin(_DOWNLOAD))

    def _origin(self, what: str) -> Origin:
        return Origin(what, self.account.account_id)


_UPLOAD, _DOWNLOAD = "sending the upload file", "fetching the upload's results"

_CONNECTED: Final = "connection.connect_tcp.complete"

_MOST_HOPS: Final = 5
"""Addresses that results are asked for at, the first one included. Each is looked at, so that none is inside."""


def _too_many_hops(origin: Origin) -> ServiceTerminalError:
    return ServiceTerminalError(f"{origin}: each of {_MOST_HOPS} addresses leads to another one")


@contextmanager
def _open_upload(path: Path) -> Iterator[IO[bytes]]:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise TerminalError(
            f"The upload file {path.name} has {size} bytes, the service takes {MAX_FILE_BYTES}: "
            "make smaller parts."
        )
    with path.open("rb") as file:
        yield file


def _read_upload_answer(response: httpx.Response, origin: Origin) -> None:
    """200 means that the file arrived; its body (a tracking id) is undocumented and not needed.

    3224 means the same: a ticket is ours alone and used for one file, so that a URL that was used before was
    used by an earlier attempt whose answer was lost. Whether that attempt was whole, the upload's status
    tells.
    """
    codes = {error.code for error in errors_in(json_of(response))}
    if not response.is_success and codes != {ALREADY_UPLOADED}:
        raise fault_of(response, origin)


def _check_download(response: httpx.Response, origin: Origin) -> None:
    """No body is read here: a storage service answers with XML."""
    if response.is_success:
        return
    what = f"{origin}: HTTP status {response.status_code}"
    if response.status_code in _GONE:
        raise ResultsExpired(f"{what}: the result URL has expired; the upload's status gives a new one.")
    if response.status_code in {408, 429} or response.is_server_error:
        raise ServiceTransientError(what)
    raise ServiceTerminalError(what)


class _Sink:
    """A temporary file that is filled up to a bound of bytes and time; closed at once if that fails."""

    def __init__(self, origin: Origin) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (handed on to the caller)
        self._origin = origin
        self._left = MAX_RESULT_ZIP_BYTES
        self._until = time.monotonic() + MAX_RESULT_SECONDS

    def __enter__(self) -> _Sink:
        return self

    def write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise ServiceTerminalError(f"{self._origin}: more than {MAX_RESULT_ZIP_BYTES} bytes")
        if time.monotonic() > self._until:
            raise ServiceTransientError(f"{self._origin}: not over after {MAX_RESULT_SECONDS} s")
        self.file.write(data)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.file.close()
