"""Servers on this machine that get alerts: a mail server, and one that takes any POST."""

from __future__ import annotations

import email
import email.policy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller

from customer_match_demo.processes import free_port

__all__ = ["Mail", "MailServer", "WebServer", "mail_server", "wait_for", "web_server"]


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived."""

    recipients: list[str]
    subject: str
    html: str


@dataclass
class MailServer:
    """A real SMTP server, and the Airflow connection to it."""

    port: int
    refuses: bool = False
    mails: list[Mail] = field(default_factory=list)

    @property
    def connection(self) -> str:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
        values = {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra}
        return json.dumps(values)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        if self.refuses:
            return "451 try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        body = message.get_body(("html",))
        assert body is not None
        self.mails.append(Mail(envelope.rcpt_tos, str(message["Subject"]), body.get_content()))
        return "250 accepted"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer(free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port)  # type: ignore[no-untyped-call]
    controller.start()  # type: ignore[no-untyped-call]
    try:
        yield server
    finally:
        controller.stop()  # type: ignore[no-untyped-call]


@dataclass
class WebServer:
    """A server that notes each POST: its path, and its JSON."""

    port: int
    status: int = 200
    posts: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connection(self, kind: str = "http", **values: Any) -> str:
        return json.dumps({"conn_type": kind, "host": self.url, **values})


@contextmanager
def web_server() -> Iterator[WebServer]:
    received = WebServer(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if received.status < 300:
                received.posts.append((self.path, json.loads(content)))
            self.send_response(received.status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.port = server.server_address[1]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()


def wait_for(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.5)
