"""Turns error answers of the service into our three kinds of exceptions.

`error_codes` defines the reaction to each code; this module reads answers and builds exceptions. Messages say what
failed, where, and what to do. They contain codes, names and tracking ids, never the service's free text, which may
repeat the data that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from customer_match.errors import ConfigurationError, TerminalError, TransientError
from microsoft_advertising.error_codes import ErrorEntry, Reaction, lookup

__all__ = [
    "Origin",
    "OutcomeUnknown",
    "ResultsExpired",
    "ServiceConfigurationError",
    "ServiceError",
    "ServiceTerminalError",
    "ServiceTransientError",
    "UploadUrlExpired",
    "error_of",
    "error_of_status",
    "errors_in",
    "is_fault",
    "safe_token",
]

UPLOAD_URL_CODES = frozenset({3220, 3226})
"""Codes for an upload URL that cannot be used (any more). A new URL is needed; repeating the call is pointless."""


@dataclass(frozen=True)
class Origin:
    """Where an error occurred: the operation (the service's name) and its account or audience, if known."""

    operation: str
    account_id: str = ""
    audience: str = ""

    def __str__(self) -> str:
        target = f"audience {self.audience!r}" if self.audience else f"account {self.account_id}"
        return f"{self.operation} for {target}" if self.audience or self.account_id else self.operation


@dataclass(frozen=True)
class ServiceError:
    """One error as the service reports it, without its free text."""

    code: int
    name: str

    @property
    def entry(self) -> ErrorEntry:
        """Meaning, reaction and advice."""
        return lookup(self.code, self.name)

    def __str__(self) -> str:
        return f"{self.entry.name} ({self.code})"


class ServiceConfigurationError(ConfigurationError):
    """The service refuses the call until a user changes something. `codes` holds the service's error codes."""

    def __init__(self, message: str, *, codes: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.codes = codes


class ServiceTerminalError(TerminalError):
    """The service refuses the call permanently, or its answer cannot be read. `codes` holds its error codes."""

    def __init__(self, message: str, *, codes: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.codes = codes


class ServiceTransientError(TransientError):
    """The service cannot carry the call out now, or its answer was lost.

    Attributes:
        codes: The service's error codes.
        undone: Whether the call certainly had no effect: it was never sent, or was refused before processing.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        codes: tuple[int, ...] = (),
        undone: bool = False,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.codes = codes
        self.undone = undone


class OutcomeUnknown(TransientError):
    """The answer was lost, so the call may have been carried out. Check the state before repeating it."""


class UploadUrlExpired(TransientError):
    """The upload URL cannot be used (any more). Request a new one and send the file there."""


class ResultsExpired(TransientError):
    """The result URL has expired. Request the status again, which returns a new URL."""


def is_fault(payload: object) -> bool:
    """Whether a JSON answer is a fault by its type, whatever the HTTP status (SOAP faults came with 200, observed)."""
    return isinstance(payload, Mapping) and payload.get("Type") in {"AdApiFaultDetail", "ApiFaultDetail"}


def errors_in(payload: object, *keys: str) -> tuple[ServiceError, ...]:
    """The errors in a JSON answer.

    Args:
        payload: A fault (`Errors`, or `OperationErrors` and `BatchErrors`), an answer with `PartialErrors`,
            or the flat answer of the file upload (`Code`, `ErrorCode`).
        keys: Fields to read; all of the above if none is given. Elements may be null (observed).
    """
    if not isinstance(payload, Mapping):
        return ()
    found = [
        payload.get(key) for key in keys or ("Errors", "OperationErrors", "BatchErrors", "PartialErrors")
    ]
    elements: list[object] = [element for group in found if isinstance(group, list) for element in group]
    if not keys:
        elements.append(payload)
    return tuple(_errors(elements))


def _errors(elements: Iterable[object]) -> Iterator[ServiceError]:
    for element in elements:
        code = element.get("Code") if isinstance(element, Mapping) else None
        try:
            number = int(str(code))
        except ValueError:
            continue
        yield ServiceError(
            number, safe_token(element.get("ErrorCode")) if isinstance(element, Mapping) else ""
        )


def error_of(
    errors: tuple[ServiceError, ...], origin: Origin, *, tracking_id: str = ""
) -> ConfigurationError | TransientError | TerminalError:
    """The exception for the errors that the service reported (at least one).

    If there are several, the most severe one decides (see `_SEVERITY`).
    """
    error = _error_of(errors, origin, _tracking_suffix(tracking_id))
    error.tracking_id = tracking_id
    return error


def _error_of(
    errors: tuple[ServiceError, ...], origin: Origin, suffix: str
) -> ConfigurationError | TransientError | TerminalError:
    decisive = min(errors, key=lambda error: _SEVERITY.index(error.entry.reaction))
    entry, codes = decisive.entry, tuple(dict.fromkeys(error.code for error in errors))
    message = f"{origin}: {_sentence(decisive, errors)}{suffix}"
    if decisive.code in UPLOAD_URL_CODES:
        return UploadUrlExpired(message)
    if entry.reaction in {Reaction.RETRY, Reaction.WAIT}:
        throttled = entry.reaction is Reaction.WAIT
        return ServiceTransientError(message, retry_after=entry.wait, codes=codes, undone=throttled)
    if entry.reaction in {Reaction.CONFIGURATION, Reaction.REAUTHENTICATE}:
        return ServiceConfigurationError(message, codes=codes)
    return ServiceTerminalError(message, codes=codes)


_SEVERITY = (
    Reaction.CONFIGURATION,
    Reaction.STOP,
    Reaction.REAUTHENTICATE,
    Reaction.REJECT_ROW,
    Reaction.WAIT,
    Reaction.RETRY,
)


def _sentence(decisive: ServiceError, errors: tuple[ServiceError, ...]) -> str:
    entry = decisive.entry
    others = list(dict.fromkeys(str(error) for error in errors if error.code != decisive.code))
    also = f" Also reported: {', '.join(others)}." if others else ""
    advice = f" {entry.advice}" if entry.advice else ""
    return f"{entry.meaning}, {decisive}.{also}{advice}"


def error_of_status(
    status: int, origin: Origin, *, tracking_id: str = "", retry_after: float | None = None
) -> ConfigurationError | TransientError | TerminalError:
    """The exception for an HTTP status without a readable fault, for example from a proxy or a wrong host."""
    message = f"{origin}: HTTP status {status} without further details{_tracking_suffix(tracking_id)}"
    error = _error_of_status(status, message, retry_after)
    error.tracking_id = tracking_id
    return error


def _error_of_status(
    status: int, message: str, retry_after: float | None
) -> ConfigurationError | TransientError | TerminalError:
    if status in {408, 425, 429} or status >= _SERVER_ERROR:
        return ServiceTransientError(message, retry_after=retry_after, undone=status in {425, 429})
    if status in {401, 403, 407} or status < _CLIENT_ERROR:
        return ServiceConfigurationError(
            f"{message}. Check the credentials, environment and base URL on the connection, and any proxy."
        )
    return ServiceTerminalError(f"{message}. Check the environment and base URL on the connection.")


_CLIENT_ERROR, _SERVER_ERROR = 400, 500


def safe_token(text: object) -> str:
    """A name, number or id from the service that is safe to show; empty for anything else, such as a digest."""
    is_token = isinstance(text, str) and _TOKEN.fullmatch(text) and not _DIGEST.fullmatch(text)
    return str(text) if is_token else ""


_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
"""Text that may be the SHA-256 digest of an e-mail address."""
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}|[0-9A-Fa-f-]{1,64}")


def _tracking_suffix(tracking_id: str) -> str:
    return f" [TrackingId {tracking_id}]" if tracking_id else ""
