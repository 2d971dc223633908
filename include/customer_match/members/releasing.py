"""Base class for objects that hold a resource, such as a temporary file, and release it at the end of a `with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

__all__ = ["Releasing"]


class Releasing(ABC):
    """A context manager that releases its resource, however its block ends."""

    @abstractmethod
    def release(self) -> None:
        """Release the resource; may be called repeatedly."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
