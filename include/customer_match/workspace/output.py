"""A file that is written in pieces and appears as a whole, or not at all."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any, Protocol

from customer_match.storage.files import storage_faults

__all__ = ["Output", "Sink"]


class Sink(Protocol):
    """Where the bytes go until it is clear whether they count."""

    def write(self, data: Any, /) -> int:
        """Take some bytes."""

    def commit(self) -> None:
        """Let the file appear, durably, in place of an older one."""

    def discard(self) -> None:
        """Let nothing of it remain."""


class Output(io.RawIOBase):
    """`close` lets the file appear; leaving its context by an exception, or losing it, does not."""

    def __init__(self, sink: Sink, location: str) -> None:
        super().__init__()
        self._sink = sink
        self._location = location
        self._position = 0

    def write(self, data: Any, /) -> int:
        """Write some bytes."""
        with storage_faults(self._location):
            written = self._sink.write(data)
        self._position += written
        return written

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position

    def writable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Let the file appear."""
        if self.closed:
            return
        super().close()
        try:
            with storage_faults(self._location):
                self._sink.commit()
        except BaseException:
            self._sink.discard()
            raise

    def discard(self) -> None:
        """Close without letting the file appear."""
        if not self.closed:
            super().close()
            self._sink.discard()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        # The base class would close, and with that let half a file appear.
        self.discard()
