"""One answer of the service in one shape, whatever it travelled by: REST's, with 64-bit numbers as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.error_table import Reaction
from microsoft_advertising.faults import (
    Origin,
    ServiceError,
    error_of,
    error_of_status,
    errors_in,
    is_fault,
)

__all__ = ["Reply"]

_SUCCESS = range(200, 300)
_UNAUTHORIZED = 401


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back.

    Attributes:
        status: HTTP status, or the one that REST would have answered with.
        payload: The answer or the fault in the service's names; None if it cannot be read.
        tracking_id: By which Microsoft's support finds the call; empty if there is none.
        retry_after: Seconds that somebody on the way asks to wait.
        incomplete: Whether it begins like an answer and ends too early.
    """

    status: int
    payload: object = field(repr=False)
    tracking_id: str = ""
    retry_after: float | None = None
    incomplete: bool = False

    @property
    def refused(self) -> bool:
        """Whether it is a fault; SOAP faults came with HTTP 200, too (observed)."""
        return self.status not in _SUCCESS or is_fault(self.payload)

    @property
    def token_refused(self) -> bool:
        """Whether a new access token may help: REST answers 401 (observed); otherwise the code tells."""
        return self.refused and (
            self.status == _UNAUTHORIZED
            or any(error.entry.reaction is Reaction.REAUTHENTICATE for error in errors_in(self.payload))
        )

    def errors(self) -> tuple[ServiceError, ...]:
        """What the service reports: of a fault all, of an answer those of its elements."""
        return errors_in(self.payload) if self.refused else errors_in(self.payload, "PartialErrors")

    def failure(self, origin: Origin) -> ConfigurationError | TransientError | TerminalError:
        """The exception for a refusal: by the codes in it, else by the HTTP status."""
        errors = errors_in(self.payload)
        if errors:
            return error_of(errors, origin, tracking_id=self.tracking_id)
        return error_of_status(
            self.status, origin, tracking_id=self.tracking_id, retry_after=self.retry_after
        )
