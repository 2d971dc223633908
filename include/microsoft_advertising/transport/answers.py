"""What every transport does with an answer: read it, or say in our words why it cannot be had."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from microsoft_advertising.faults import (
    Origin,
    OutcomeUnknown,
    ServiceTerminalError,
    ServiceTransientError,
    error_of,
)
from microsoft_advertising.operations import Operation
from microsoft_advertising.reply import Reply

__all__ = ["done_or_not", "read_answer"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


def read_answer(operation: Operation[T], reply: Reply, origin: Origin) -> T:
    """What the operation asked for.

    Raises:
        ConfigurationError, TransientError, TerminalError: The service refused, as the error table says.
        ServiceTransientError: The answer is cut off.
        ServiceTerminalError, OutcomeUnknown: It has not the documented shape.
    """
    _log.debug("%s: HTTP %s, TrackingId %s", origin, reply.status, reply.tracking_id or "unknown")
    errors = reply.errors()
    answering = operation.settles if reply.refused else operation.settles | operation.about_items
    remaining = tuple(error for error in errors if error.code not in answering)
    if remaining:
        raise error_of(remaining, origin, tracking_id=reply.tracking_id)
    if reply.refused and not errors:
        raise reply.failure(origin)
    if reply.incomplete and not reply.refused:
        raise ServiceTransientError(f"{origin}: the answer was lost (it ends too early)")
    try:
        return operation.read({} if reply.refused else _object(reply.payload))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise _unreadable(operation, origin, reply) from None  # the cause may repeat the answer


@contextmanager
def done_or_not(operation: Operation[T]) -> Iterator[None]:
    """A failure that leaves open whether an unrepeatable operation was done says so."""
    try:
        yield
    except ServiceTransientError as error:
        if operation.repeatable or error.undone:
            raise
        raise OutcomeUnknown(f"{error}. It may have been done nevertheless.") from error


def _object(payload: object) -> Mapping[str, object]:
    if not isinstance(payload, dict):
        raise TypeError("the answer is no object")
    return payload


def _unreadable(operation: Operation[T], origin: Origin, reply: Reply) -> Exception:
    tracked = reply.tracking_id or "unknown"
    message = f"{origin}: the answer has not the documented shape [TrackingId {tracked}]. "
    if operation.uncertain or not operation.repeatable:
        return OutcomeUnknown(message + "It may have been done nevertheless.")
    return ServiceTerminalError(message + "Check the base URL on the connection; else please report this.")
