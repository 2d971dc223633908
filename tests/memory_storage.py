"""A workspace for tests that need no disk."""

from __future__ import annotations

import io
from typing import BinaryIO

from customer_match.members.envelope import Envelope

__all__ = ["MemoryStorage"]


class MemoryStorage:
    """A workspace in a dictionary: a file appears when it is closed, `create` is exclusive."""

    def __init__(self, envelope: Envelope | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.envelope = envelope or Envelope()

    def open_input(self, relative: str) -> BinaryIO:
        return io.BytesIO(self.read_bytes(relative))

    def open_output(self, relative: str) -> BinaryIO:
        storage = self

        class Output(io.BytesIO):
            def close(self) -> None:
                if not self.closed:
                    content = self.getvalue()
                    super().close()
                    storage.store(relative, content)

        return Output()

    def store(self, relative: str, content: bytes) -> None:
        self.files[relative] = content

    def link(self, source: str, target: str) -> bool:
        if target in self.files or source not in self.files:
            return False
        self.store(target, self.read_bytes(source))
        return True

    def write_bytes(self, relative: str, data: bytes) -> None:
        self.store(relative, data)

    def read_bytes(self, relative: str) -> bytes:
        try:
            return self.files[relative]
        except KeyError:
            raise FileNotFoundError(relative) from None

    def create(self, relative: str, data: bytes) -> None:
        if relative in self.files:
            raise FileExistsError(relative)
        self.files[relative] = data

    def list(self, relative: str) -> list[str]:
        prefix = f"{relative}/"
        return sorted(
            {name.removeprefix(prefix).split("/")[0] for name in self.files if name.startswith(prefix)}
        )

    def delete(self, relative: str, *, recursive: bool = False) -> None:
        doomed = [n for n in self.files if n == relative or (recursive and n.startswith(f"{relative}/"))]
        for name in doomed:
            del self.files[name]
