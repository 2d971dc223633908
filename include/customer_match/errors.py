"""The three families of errors: who must act, and whether a retry can help.

Every error that leaves a package of this project belongs to one of them. Its message says what is wrong, where, and
what to do. A bad row is data, not an error.
"""

from __future__ import annotations

__all__ = ["ConfigurationError", "CustomerMatchError", "TerminalError", "TransientError"]


class CustomerMatchError(Exception):
    """Base class of all errors that this project raises deliberately.

    Attributes:
        tracking_id: The service's id of the call that failed, by which Microsoft's support finds it; empty if unknown.
    """

    tracking_id: str = ""


class ConfigurationError(CustomerMatchError):
    """A person must change something (export file, connection, table, consent); a retry cannot help.

    Args:
        values: The message.
        key: The key of the export file to look at, such as `consent.column`; empty if there is none.
    """

    def __init__(self, *values: object, key: str = "") -> None:
        super().__init__(*values)
        self.key = key


class TransientError(CustomerMatchError):
    """The same call may succeed later.

    Args:
        message: What failed, and what happens next.
        retry_after: Seconds that the service asks to wait; None if it gives no time.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TerminalError(CustomerMatchError):
    """The work cannot continue, and no setting is the cause (refused data, protocol violation)."""
