"""Receives the answer of a sign-in where the browser runs on this machine: a web server for one answer.

Whatever else arrives is turned away, and the listening goes on: a browser's `/favicon.ico`, a scanner of ports, the
answer of an older tab, somebody who connects and says nothing, or who never ends.
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
<html lang="en"><head><meta charset="utf-8"><title>Back to the command line</title></head>
<body style="font: 15px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 30rem">
<h1>Back to the command line</h1>
<p>It has the answer and says how the sign-in went. You may close this page.</p>
</body></html>
"""

_ANOTHER: Final = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Another sign-in</title></head>
<body style="font: 15px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 30rem">
<h1>This belongs to another sign-in</h1>
<p>The command line still waits for its own. Open the address that it shows now, and close this page.</p>
</body></html>
"""

_MOST_BYTES: Final = 65_536
"""An answer has some thousand."""

_SILENCE_SECONDS: Final = 10.0
"""After so long without a byte a connection is given up."""


class Listener:
    """Listens on this machine's own address only; use it in a `with` statement. Answers come as posted forms.

    Args:
        port: TCP port; 0 takes a free one. The authority ignores the port of `http://localhost` (documented).

    Raises:
        ConfigurationError: The port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        try:
            self._server = _Server(port)
        except OSError as error:
            raise ConfigurationError(
                f"The answer of the sign-in cannot be received on port {port}: {error.strerror}. Name another "
                "one with `--port`, or paste the answer by hand with `--no-browser`."
            ) from error

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to be sent."""
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
        """Take the answer of this sign-in alone; to be said before its address is opened.

        Args:
            state: What the answer repeats.
        """
        self._server.state = state

    def wait(self, seconds: float) -> dict[str, str]:
        """The answer, once the browser has brought it.

        Raises:
            ConfigurationError: It did not within this time.
        """
        if not self._server.arrived.wait(seconds):
            others = (
                " An answer of another sign-in arrived meanwhile, and was turned away: open the newest address alone."
                if self._server.turned_away
                else ""
            )
            raise ConfigurationError(
                f"Nobody has signed in within {seconds:.0f} seconds.{others} Run the command again; on a machine "
                "without a browser, with `--no-browser`."
            )
        return self._server.answer


class _Server(ThreadingHTTPServer):
    """Threads, because browsers open connections in advance and say nothing on them."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        self.answer: dict[str, str] = {}
        self.state: str | None = None
        self.turned_away = 0
        self.arrived = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, *_: object) -> None:
        """A browser that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    timeout = _SILENCE_SECONDS

    def do_POST(self) -> None:
        """Take the first answer of the expected sign-in; anything else is not ours."""
        answer = self._read_form() if self.path == "/" else {}
        if not (("code" in answer or "error" in answer) and "state" in answer):
            self._answer(HTTPStatus.NOT_FOUND, b"")
        elif not self._is_expected(answer["state"]):
            self.server.turned_away += 1
            self._answer(HTTPStatus.BAD_REQUEST, _ANOTHER)
        else:
            try:
                self._answer(HTTPStatus.OK, _PAGE)
            finally:  # also where the browser is gone already
                if not self.server.arrived.is_set():
                    self.server.answer = answer
                    self.server.arrived.set()

    def _read_form(self) -> dict[str, str]:
        length = self.headers.get("Content-Length") or ""
        if not (length.isascii() and length.isdigit() and len(length) <= len(str(_MOST_BYTES))):
            return {}
        return dict(parse_qsl(self.rfile.read(min(int(length), _MOST_BYTES)).decode("ascii", "replace")))

    def _is_expected(self, state: str) -> bool:
        expected = self.server.state
        return expected is None or hmac.compare_digest(state.encode(), expected.encode())

    def do_GET(self) -> None:
        """Nothing to see: answers are posted, so that no code stays in the browser's history."""
        self._answer(HTTPStatus.NOT_FOUND, b"")

    def _answer(self, status: int, page: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """The command line has its own words."""
