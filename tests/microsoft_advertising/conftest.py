"""A scripted service on loopback, written from the reference: it returns the replies that a test sets."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from microsoft_advertising.account import Account
from microsoft_advertising.environment import Environment
from microsoft_advertising.retrying import RetryPolicy

TRACKING_ID = "00000000-1111-2222-3333-444444444444"
SECRETS = ("refresh-secret", "developer-secret", "client-secret", "access-", "upload-secret", "result-secret")


@dataclass
class Seen:
    """One received request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """One reply. `drop` closes the connection instead; `delay` waits first (seconds)."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    delay: float = 0
    cut_off: int = 0
    read_body: bool = True


def json_reply(payload: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(payload).encode(), {"TrackingId": TRACKING_ID})


def fault(code: int, name: str, status: int = 400) -> Reply:
    """AdApiFaultDetail; its message repeats an address, as a real message might."""
    error = {"Code": code, "Detail": None, "ErrorCode": name, "Message": "Bad value somebody@example.com"}
    return json_reply({"Type": "AdApiFaultDetail", "TrackingId": TRACKING_ID, "Errors": [error]}, status)


def results_zip(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "BulkUpload-11-23-2026-11111111-Results.csv", ("\ufeff" + text).encode(), zipfile.ZIP_DEFLATED
        )
    return buffer.getvalue()


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore errors: some tests disconnect."""


class Service:
    """The service: `script[path]` contains the next replies; the last one is repeated."""

    def __init__(self) -> None:
        self.script: dict[str, deque[Reply]] = defaultdict(deque)
        self.seen: list[Seen] = []
        self.tokens_issued = 0
        self.token_reply: Callable[[int], Reply] | None = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise each answer waits 40 ms for an acknowledgement

            def log_message(self, *_: object) -> None:
                pass

            def _answer(self) -> None:
                path = self.path.partition("?")[0]
                reply = service.reply_to(path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))) if reply.read_body else b""
                service.seen.append(Seen(self.command, path, dict(self.headers), body))
                service.stop.wait(reply.delay)
                if reply.drop:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) + reply.cut_off))
                self.end_headers()
                self.wfile.write(reply.body)
                if reply.cut_off or not reply.read_body:
                    self.close_connection = True

            do_GET = do_POST = do_DELETE = do_PUT = _answer  # noqa: N815 (named by the base class)

        self.stop = threading.Event()
        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def reply_to(self, path: str) -> Reply:
        if path.endswith("/.well-known/openid-configuration"):
            authority = "https://login.microsoftonline.com/common"
            return json_reply(
                {
                    "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{authority}/oauth2/v2.0/token",
                    "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
                }
            )
        if path.endswith("/oauth2/v2.0/token"):
            self.tokens_issued += 1
            if self.token_reply is not None:
                return self.token_reply(self.tokens_issued)
            return json_reply(
                {
                    "token_type": "Bearer",
                    "scope": "https://ads.microsoft.com/msads.manage",
                    "expires_in": 3599,
                    "access_token": f"access-{self.tokens_issued}",
                    "refresh_token": f"refresh-secret-{self.tokens_issued}",
                }
            )
        replies = self.script[path]
        if not replies:
            return Reply(404, b"<html>not found</html>")
        return replies.popleft() if len(replies) > 1 else replies[0]

    def on(self, path: str, *replies: Reply) -> None:
        self.script[path].extend(replies)

    def calls(self, path: str) -> list[Seen]:
        return [request for request in self.seen if request.path == path]

    def close(self) -> None:
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    stand_in = Service()
    yield stand_in
    stand_in.close()


@pytest.fixture
def account() -> Account:
    return Account.model_validate(
        {
            "client_id": "app",
            "client_secret": "client-secret",
            "refresh_token": "refresh-secret-0",
            "developer_token": "developer-secret",
            "customer_id": 111,
            "account_id": "222",
        }
    )


@pytest.fixture
def environment(service: Service) -> Environment:
    return Environment.at(service.base_url)


@pytest.fixture
def impatient() -> RetryPolicy:
    return RetryPolicy(attempts=3, budget=5, first_wait=0.001, longest_wait=0.002)
