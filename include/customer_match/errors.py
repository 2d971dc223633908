"""The three families of errors: who has to act, and whether trying again can help.

Every error that leaves a package of this project belongs to one of them, and its
message says what is wrong, where, and what to do. A bad row is data, not an error.
"""

from __future__ import annotations

__all__ = ["ConfigurationError", "CustomerMatchError", "TerminalError", "TransientError"]


class CustomerMatchError(Exception):
    """Root of all errors that this project raises on purpose."""


class ConfigurationError(CustomerMatchError):
    """A human must change something (export file, connection, table, consent); retrying cannot help."""


class TransientError(CustomerMatchError):
    """The same call may succeed later.

    Args:
        message: What failed and what is tried next.
        retry_after: Seconds that the service asks to wait; None where it names no time.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TerminalError(CustomerMatchError):
    """The work cannot go on as it is, and nobody's setting explains it (refused data, broken protocol)."""
