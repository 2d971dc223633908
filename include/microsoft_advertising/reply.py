"""An answer of the service, in the shape of REST (64-bit numbers as text) for both transports."""

from __future__ import annotations

from dataclasses import dataclass, field

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.error_codes import Reaction
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
    """One answer.

    Attributes:
        status: HTTP status, or the one that REST would have returned.
        payload: The answer or the fault, with the service's field names; None if it cannot be read.
        tracking_id: The id by which Microsoft's support finds the call; empty if there is none.
        retry_after: Seconds to wait, as the service or a gateway asks.
        incomplete: Whether the answer is truncated.
    """

    status: int
    payload: object = field(repr=False)
    tracking_id: str = ""
    retry_after: float | None = None
    incomplete: bool = False

    @property
    def refused(self) -> bool:
        """Whether it is a fault. SOAP faults came with HTTP 200, too (observed)."""
        return self.status not in _SUCCESS or is_fault(self.payload)

    @property
    def token_refused(self) -> bool:
        """Whether a new access token may help: by status 401 in REST (observed), otherwise by the error code."""
        return self.refused and (
            self.status == _UNAUTHORIZED
            or any(error.entry.reaction is Reaction.REAUTHENTICATE for error in errors_in(self.payload))
        )

    def errors(self) -> tuple[ServiceError, ...]:
        """The reported errors: all errors of a fault, or the partial errors of an answer."""
        return errors_in(self.payload) if self.refused else errors_in(self.payload, "PartialErrors")

    def failure(self, origin: Origin) -> ConfigurationError | TransientError | TerminalError:
        """The exception for a refusal, by its error codes or else by the HTTP status."""
        errors = errors_in(self.payload)
        if errors:
            return error_of(errors, origin, tracking_id=self.tracking_id)
        return error_of_status(
            self.status, origin, tracking_id=self.tracking_id, retry_after=self.retry_after
        )
