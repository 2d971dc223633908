"""A file that is written in pieces and appears complete, or not at all."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any, Protocol

from customer_match.storage.files import storage_faults

__all__ = ["Output", "Sink"]


class Sink(Protocol):
    """Receives the bytes until the file is committed or discarded."""

    def write(self, data: Any, /) -> int:
        """Write some bytes."""

    def commit(self) -> None:
        """Make the file appear, durably; replace an existing one."""

    def discard(self) -> None:
        """Delete everything that was written."""


class Output(io.RawIOBase):
    """A file for writing. It appears on `close`, but not if an exception leaves its context or it is never closed."""

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
        """Return the number of bytes written so far."""
        return self._position

    def writable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Close the file and make it appear."""
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
        """Close without making the file appear."""
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
        # The base class would call close, which would make an incomplete file appear.
        self.discard()
