"""One run against one account: its calls, its uploads, and the lists it created, which are deleted at the end."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np

from customer_match.errors import CustomerMatchError, TransientError
from microsoft_advertising.account import Account
from microsoft_advertising.auth.signing import account_headers
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.bulk.file import Action, write_bulk_file
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment, Service
from microsoft_advertising.faults import Origin
from microsoft_advertising.hosts import address_of_results, address_of_upload
from microsoft_advertising.models import UploadTicket
from microsoft_advertising.wire import open_http
from microsoft_advertising_live_check.answers import Answer, UploadOutcome, read_answer, read_results
from microsoft_advertising_live_check.files import bulk_file

__all__ = ["Session"]

_UPLOAD_MINUTES = 30
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 15.0
_MAX_REDIRECTS = 5


class Session:
    """The interface of the probes to the service; use it in a `with` statement.

    The project's own client creates and deletes lists, sends files and polls. Requests that this client would never
    send are sent directly.

    Args:
        account: The account.
        environment: The environment.
        wait: Sleeps for a number of seconds; tests move a clock instead.
        slow: Whether probes may wait for minutes.

    Attributes:
        name: Name of the disposable list; names of other lists that probes create begin with it.
        audience_id: Its id.
        calls: Number of requests that probes sent in addition to the client's own.
        uploads: Number of files that were processed.
    """

    def __init__(
        self, account: Account, environment: Environment, *, wait: Callable[[float], None] = time.sleep,
        slow: bool = False,
    ) -> None:  # fmt: skip
        self.account = account
        self.environment = environment
        self.slow = slow
        self.wait = wait
        self.name = f"customer-match live check {secrets.token_hex(6)}"
        self.audience_id = ""
        self.calls = 0
        self.uploads = 0
        self.client = Client(account, environment)
        self._tokens = TokenSource(account, environment)
        self._http = open_http(environment)
        self._made: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._tokens.close()
        self._http.close()

    def create_list(self) -> None:
        """Create the disposable list."""
        description = (
            "Created by a check of the service; its hashes belong to nobody. It can be deleted at any time."
        )
        self.audience_id = self.client.create_audience(self.name, description=description)
        self._made.append(self.audience_id)

    def record_list(self, audience_id: object) -> None:
        """Record a list that a probe created, so that it is deleted."""
        if audience_id:
            self._made.append(str(audience_id))

    def delete_lists(self) -> list[str]:
        """Delete every list of this run, also if its creation was not reported; return those that may remain."""
        left: list[str] = []
        try:
            listed = [one.id for one in self.client.list_audiences() if self.is_ours(one.name)]
        except CustomerMatchError:
            listed = []
            left.append(f"perhaps a list named {self.name!r}")
        for audience_id in dict.fromkeys([*self._made, *listed]):
            try:
                self.client.delete_audience(audience_id)
            except CustomerMatchError:
                left.append(audience_id)
        return left

    def is_ours(self, name: str) -> bool:
        """Return whether a list was created by this run."""
        return name.casefold().startswith(self.name.casefold())

    def call(
        self, service: Service, path: str, body: object = None, *, method: str = "POST",
        headers: Mapping[str, str] | None = None, content: bytes | None = None,
    ) -> Answer:  # fmt: skip
        """Send a request directly; a body given as bytes is sent unchanged.

        Raises:
            httpx.HTTPError: There was no answer.
        """
        self.calls += 1
        common = {"Authorization": f"Bearer {self._tokens.access_token()}", **account_headers(self.account)}
        url = self.environment.url(service) + path
        sent: dict[str, Any] = {"json": body} if content is None else {"content": content}
        return read_answer(self._http.request(method, url, headers={**common, **(headers or {})}, **sent))

    def post(self, ticket: UploadTicket, name: str, content: bytes) -> Answer:
        """Post a file to an upload URL directly."""
        self.calls += 1
        headers = {
            **account_headers(self.account), "AuthenticationToken": self._tokens.access_token(),
            "AccountId": self.account.account_id,
        }  # fmt: skip
        url = address_of_upload(
            ticket.upload_url, self.environment, Origin("the upload", self.account.account_id)
        )
        return read_answer(self._http.post(url, files={"file": (name, content)}, headers=headers))

    def fetch(self, url: str) -> httpx.Response:
        """Request a result file without credentials; check each redirect target before requesting it."""
        origin = Origin("the results", self.account.account_id)
        for _ in range(_MAX_REDIRECTS):
            self.calls += 1
            response = self._http.get(address_of_results(url, self.environment, origin))
            if response.next_request is None:
                break
            url = str(response.next_request.url)
        return response

    def upload(self, *rows: dict[str, str], mode: str = "ErrorsOnly") -> UploadOutcome:
        """Send rows as a file, and wait until it is processed."""
        return self.send(bulk_file(*rows), mode=mode)

    def send(self, content: bytes, *, name: str = "upload.csv", mode: str = "ErrorsOnly") -> UploadOutcome:
        """Send a file, and wait until it is processed."""
        ticket = self.ticket(mode)
        answer = self.post(ticket, name, content)
        if answer.codes or answer.status >= httpx.codes.BAD_REQUEST:
            return UploadOutcome("refused", answer.codes)
        return self.outcome(ticket.request_id)

    def ticket(self, mode: str = "ErrorsOnly") -> UploadTicket:
        """Request an upload URL."""
        if mode == "ErrorsOnly":
            return self.client.request_upload()
        body = {"ResponseMode": mode, "AccountId": self.account.account_id}
        answer = self.call(Service.BULK, "/BulkUploadUrl/Query", body)
        return UploadTicket(str(answer.body["RequestId"]), str(answer.body["UploadUrl"]))

    def change_members(self, action: Action, digests: list[bytes]) -> UploadOutcome:
        """Change the members of the list as the project does, with its own file and client."""
        members = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload.zip"
            write_bulk_file(path, audience_id=self.audience_id, action=action, members=[members])
            ticket = self.client.request_upload()
            self.client.upload_file(ticket, path)
        return self.outcome(ticket.request_id)

    def outcome(self, request_id: str) -> UploadOutcome:
        """Wait for the end of an upload.

        Raises:
            TransientError: The upload does not end.
        """
        wait, end = _FIRST_WAIT, time.monotonic() + 60 * _UPLOAD_MINUTES
        while not (status := self.client.upload_status(request_id)).state.final:
            if time.monotonic() > end:
                raise TransientError(f"An upload did not end within {_UPLOAD_MINUTES} minutes.")
            self.wait(wait)
            wait = min(1.5 * wait, _LONGEST_WAIT)
        self.uploads += 1
        codes = tuple(error.code for error in status.errors)
        if status.result_url is None:
            return UploadOutcome(status.state.value, codes)
        rows = read_results(self.fetch(status.result_url).content)
        return UploadOutcome(status.state.value, codes, rows, status.result_url)
