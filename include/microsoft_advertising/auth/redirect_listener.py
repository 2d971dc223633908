"""Receives the answer of a sign-in if the browser runs on this machine: a local web server for one request.

The server rejects everything else and keeps listening: a browser's `/favicon.ico`, a port scanner, the answer of an
older tab, a connection that sends nothing or never ends.
"""

from __future__ import annotations

import hmac
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self
from urllib.parse import parse_qsl

from customer_match.errors import ConfigurationError

__all__ = ["Listener"]

_PAGE: Final = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Return to the command line</title></head>
<body style="font: 15px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 30rem">
<h1>Return to the command line</h1>
<p>It has received the answer and shows whether the sign-in succeeded. You may close this page.</p>
</body></html>
"""

_ANOTHER: Final = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Another sign-in</title></head>
<body style="font: 15px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 30rem">
<h1>This answer belongs to another sign-in</h1>
<p>The command line is still waiting for its own. Open the address that it shows now, and close this page.</p>
</body></html>
"""

_MAX_BYTES: Final = 65_536
"""Answers have a few thousand bytes."""

_IDLE_SECONDS: Final = 10.0
"""A connection without a byte for this long is closed."""


class Listener:
    """Listens on the loopback address only; use it in a `with` statement. Answers arrive as posted forms.

    Args:
        port: TCP port; 0 picks a free one. The authority ignores the port of `http://localhost` (documented).

    Raises:
        ConfigurationError: The port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        try:
            self._server = _Server(port)
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on port {port} for the answer of the sign-in: {error.strerror}. Choose another port "
                "with `--port`, or paste the answer yourself with `--no-browser`."
            ) from error

    @property
    def redirect_uri(self) -> str:
        """The redirect URI for the browser."""
        return f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def expect(self, state: str) -> None:
        """Accept only the answer of this sign-in. Call this before its address is opened.

        Args:
            state: The state of the sign-in, which the answer repeats.
        """
        self._server.state = state

    def wait(self, seconds: float) -> dict[str, str]:
        """Wait for the answer and return it.

        Raises:
            ConfigurationError: No answer arrived within this time.
        """
        if not self._server.arrived.wait(seconds):
            others = (
                " An answer of another sign-in arrived and was rejected: open only the newest address."
                if self._server.rejected
                else ""
            )
            raise ConfigurationError(
                f"No sign-in was completed within {seconds:.0f} seconds.{others} Run the command again. On a machine "
                "without a browser, add `--no-browser`."
            )
        return self._server.answer


class _Server(ThreadingHTTPServer):
    """Uses threads, because browsers open connections in advance and send nothing on them."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        self.answer: dict[str, str] = {}
        self.state: str | None = None
        self.rejected = 0
        self.arrived = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, *_: object) -> None:
        """Ignore errors: browsers close connections at any time."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    timeout = _IDLE_SECONDS

    def do_POST(self) -> None:
        """Accept the first answer of the expected sign-in; reject anything else."""
        answer = self._read_form() if self.path == "/" else {}
        if not (("code" in answer or "error" in answer) and "state" in answer):
            self._answer(HTTPStatus.NOT_FOUND, b"")
        elif not self._is_expected(answer["state"]):
            self.server.rejected += 1
            self._answer(HTTPStatus.BAD_REQUEST, _ANOTHER)
        else:
            try:
                self._answer(HTTPStatus.OK, _PAGE)
            finally:  # also if the browser has disconnected
                if not self.server.arrived.is_set():
                    self.server.answer = answer
                    self.server.arrived.set()

    def _read_form(self) -> dict[str, str]:
        length = self.headers.get("Content-Length") or ""
        if not (length.isascii() and length.isdigit() and len(length) <= len(str(_MAX_BYTES))):
            return {}
        return dict(parse_qsl(self.rfile.read(min(int(length), _MAX_BYTES)).decode("ascii", "replace")))

    def _is_expected(self, state: str) -> bool:
        expected = self.server.state
        return expected is None or hmac.compare_digest(state.encode(), expected.encode())

    def do_GET(self) -> None:
        """Reject: answers are posted, so that no code remains in the browser's history."""
        self._answer(HTTPStatus.NOT_FOUND, b"")

    def _answer(self, status: int, page: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Log nothing: the command line reports the result."""
