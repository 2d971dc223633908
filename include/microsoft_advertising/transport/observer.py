"""What a client reports while it works: calls, bytes and waits. Numbers and codes only; no data that is sent.

The client knows nobody who counts: who creates it passes an `Observer`, and this module's own does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from customer_match.errors import TransientError
from microsoft_advertising.faults import OutcomeUnknown, ResultsExpired, UploadUrlExpired

__all__ = [
    "DOWNLOAD",
    "EXPIRED",
    "NOBODY",
    "OK",
    "REFUSED",
    "UNAVAILABLE",
    "UPLOAD",
    "Observer",
    "Wait",
    "watch",
]

UPLOAD: Final = "Upload"
"""Stands for a service when a file is sent."""
DOWNLOAD: Final = "Download"
"""Likewise, when the results of an upload are fetched."""

OK: Final = "ok"
EXPIRED: Final = "expired"
"""A URL of the service has expired."""
UNAVAILABLE: Final = "unavailable"
"""No answer, or a temporary HTTP status without an error code."""
REFUSED: Final = "refused"
"""A permanent failure without an error code."""

Wait = Literal["retry", "upload"]
"""Before a failed call is repeated; for the service to process an upload."""


class Observer:
    """Gets told what a client does. Called from several threads; must not raise."""

    def on_call(self, service: str, code: str) -> None:
        """A call has ended.

        Args:
            service: The service's name in REST paths, or one of the names above for files.
            code: The service's first error code, or one of the words of this module.
        """

    def on_sent(self, count: int) -> None:
        """An upload file of so many bytes has been sent."""

    def on_wait(self, reason: Wait, seconds: float) -> None:
        """Somebody waits, or has waited."""


NOBODY: Final = Observer()


@contextmanager
def watch(observer: Observer, service: str) -> Iterator[None]:
    """Report one call; its exceptions pass on."""
    try:
        yield
    except Exception as error:
        observer.on_call(service, _code_of(error))
        raise
    observer.on_call(service, OK)


def _code_of(error: BaseException) -> str:
    codes = getattr(error, "codes", ())
    if codes:
        return str(codes[0])
    if isinstance(error, OutcomeUnknown) and error.__cause__:
        return _code_of(error.__cause__)
    if isinstance(error, UploadUrlExpired | ResultsExpired):
        return EXPIRED
    return UNAVAILABLE if isinstance(error, TransientError) else REFUSED
