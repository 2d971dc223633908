"""A pseudo-terminal: a command runs in it as for a user who sits before it, and may be answered and interrupted."""

from __future__ import annotations

import codecs
import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["COMMAND", "Terminal", "plain"]

COMMAND = Path(sys.executable).parent / "customer-match"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][A-Z0-9]?|\r")


def plain(text: str) -> str:
    """A text without colours and movements of the cursor."""
    return _CONTROL.sub("", text)


class Terminal:
    """The command `customer-match` in a pseudo-terminal.

    Args:
        arguments: Of the command.
        env: The whole environment.
        cwd: The current folder.
        columns: Width of the terminal.
    """

    def __init__(
        self, *arguments: str, env: Mapping[str, str], cwd: Path | None = None, columns: int = 100
    ) -> None:
        self._primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        own = {key: value for key, value in env.items() if key not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            env=own | {"TERM": "xterm-256color"},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (one call: Ctrl-C reaches it)
        )
        os.close(secondary)
        self._decoder = codecs.getincrementaldecoder("utf-8")(
            errors="replace"
        )  # a read may end in a character
        self.raw = ""

    def until(self, words: str, *, seconds: float = 90) -> str:
        """Wait until the terminal shows words; returns all that it has shown, without colours."""
        deadline = time.monotonic() + seconds
        while words not in plain(self.raw):
            assert time.monotonic() < deadline, f"{words!r} was not shown: {plain(self.raw)}"
            assert self._read(), f"{words!r} was not shown before the end: {plain(self.raw)}"
        return plain(self.raw)

    def answer(self, question: str, line: str) -> None:
        """Wait for a question, then type a line."""
        self.until(question)
        self.type(f"{line}\n")

    def type(self, text: str) -> None:
        """Type a text; "\\x03" is Ctrl-C."""
        os.write(self._primary, text.encode())

    def end(self, *, seconds: float = 120) -> int:
        """Wait for the end; returns the exit status."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, plain(self.raw)
        try:
            return self.process.wait(timeout=10)
        finally:
            os.close(self._primary)

    def kill(self) -> None:
        """End the command, whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def _read(self) -> bool:
        """Read what is shown now; False once the command has ended."""
        ready, _, _ = select.select([self._primary], [], [], 1)
        if not ready:
            return True
        try:
            got = os.read(self._primary, 65_536)
        except OSError as error:
            if error.errno != errno.EIO:  # the other end is closed
                raise
            return False
        self.raw += self._decoder.decode(got)
        return bool(got)
