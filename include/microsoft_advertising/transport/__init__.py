"""The interface between operations (`operations`) and the protocols that carry them: REST and SOAP."""

from __future__ import annotations

from typing import Protocol, TypeVar

from microsoft_advertising.operations import Operation

__all__ = ["AsyncTransport", "Transport"]

T = TypeVar("T")


class Transport(Protocol):
    """Carries operations out."""

    def call(self, operation: Operation[T]) -> T:
        """Carry out an operation once and read the answer; the caller retries.

        Raises:
            ConfigurationError, TransientError, TerminalError: By the error table. `OutcomeUnknown` if an operation
                that is not repeatable may have been carried out, or if the answer to one that is `uncertain` cannot
                be read.
        """


class AsyncTransport(Protocol):
    """As `Transport`, for coroutines."""

    async def call(self, operation: Operation[T]) -> T:
        """As `Transport.call`."""
