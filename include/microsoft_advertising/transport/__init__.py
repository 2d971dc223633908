"""The seam between what is asked (`operations`) and how it travels: REST here, SOAP in a file of its own."""

from __future__ import annotations

from typing import Protocol, TypeVar

from microsoft_advertising.operations import Operation

__all__ = ["AsyncTransport", "Transport"]

T = TypeVar("T")


class Transport(Protocol):
    """Carries operations out."""

    def call(self, operation: Operation[T]) -> T:
        """Do it once and read the answer; retries are the caller's.

        Raises:
            ConfigurationError, TransientError, TerminalError: As the error table says. `OutcomeUnknown` if an
                operation that is not repeatable may have been carried out, or if the answer to one that is
                `uncertain` cannot be understood.
        """


class AsyncTransport(Protocol):
    """The same for coroutines."""

    async def call(self, operation: Operation[T]) -> T:
        """As `Transport.call`."""
