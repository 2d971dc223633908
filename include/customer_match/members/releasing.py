"""What holds something outside of memory, such as a temporary file, and gives it back at the end of a `with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

__all__ = ["Releasing"]


class Releasing(ABC):
    """A context manager that releases what it holds, however its block ends."""

    @abstractmethod
    def release(self) -> None:
        """Give back what is held; may be called again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
