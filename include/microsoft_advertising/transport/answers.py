"""Reads answers for every transport, and turns failures into our exceptions."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from structlog.contextvars import bound_contextvars

from customer_match.errors import CustomerMatchError
from microsoft_advertising.faults import (
    Origin,
    OutcomeUnknown,
    ServiceTerminalError,
    ServiceTransientError,
    error_of,
)
from microsoft_advertising.operations import Operation
from microsoft_advertising.reply import Reply

__all__ = ["mark_unknown_outcome", "read_answer"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


def read_answer(operation: Operation[T], reply: Reply, origin: Origin) -> T:
    """The result of an operation.

    Raises:
        ConfigurationError, TransientError, TerminalError: The service refused the call; by the error table.
        ServiceTransientError: The answer is truncated.
        ServiceTerminalError, OutcomeUnknown: The answer does not have the documented shape.
    """
    with bound_contextvars(tracking_id=reply.tracking_id):
        _log.debug("%s: HTTP %s, TrackingId %s", origin, reply.status, reply.tracking_id or "unknown")
    errors = reply.errors()
    handled = operation.settles if reply.refused else operation.settles | operation.about_items
    remaining = tuple(error for error in errors if error.code not in handled)
    if remaining:
        raise error_of(remaining, origin, tracking_id=reply.tracking_id)
    if reply.refused and not errors:
        raise reply.failure(origin)
    if reply.incomplete and not reply.refused:
        raise ServiceTransientError(f"{origin}: the answer was lost (it is truncated)")
    try:
        return operation.read({} if reply.refused else _object(reply.payload))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise _unreadable(operation, origin, reply) from None  # the cause may repeat the answer


@contextmanager
def mark_unknown_outcome(operation: Operation[T]) -> Iterator[None]:
    """Raise `OutcomeUnknown` if an operation that is not repeatable may have been carried out despite the failure."""
    try:
        yield
    except ServiceTransientError as error:
        if operation.repeatable or error.undone:
            raise
        unknown = OutcomeUnknown(f"{error}. The call may have been carried out nevertheless.")
        unknown.tracking_id = error.tracking_id
        raise unknown from error


def _object(payload: object) -> Mapping[str, object]:
    if not isinstance(payload, dict):
        raise TypeError("the answer is not an object")
    return payload


def _unreadable(operation: Operation[T], origin: Origin, reply: Reply) -> CustomerMatchError:
    tracked = reply.tracking_id or "unknown"
    message = f"{origin}: the answer does not have the documented shape [TrackingId {tracked}]. "
    error: CustomerMatchError
    if operation.uncertain or not operation.repeatable:
        error = OutcomeUnknown(message + "The call may have been carried out nevertheless.")
    else:
        advice = "Check the base URL on the connection; if it is correct, report this."
        error = ServiceTerminalError(message + advice)
    error.tracking_id = reply.tracking_id
    return error
