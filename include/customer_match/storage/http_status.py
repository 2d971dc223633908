"""Meaning of HTTP status codes in storage errors, for every storage."""

from __future__ import annotations

from typing import Final

__all__ = ["NOT_FOUND", "OUT_OF_RANGE", "REFUSED", "SERVER_ERROR", "TOO_MANY", "detail", "is_retryable"]

REFUSED: Final = frozenset({401, 403})
NOT_FOUND: Final = 404
OUT_OF_RANGE: Final = 416
TOO_MANY: Final = 429
SERVER_ERROR: Final = 500
_LATER: Final = frozenset({408, 409, 412, 425, TOO_MANY})


def is_retryable(status: int) -> bool:
    """Return whether the same request may succeed later."""
    return status >= SERVER_ERROR or status in _LATER


def detail(status: object, code: object, error: BaseException) -> str:
    """Return status and the storage's code, if known; otherwise the error's class, but never its text."""
    parts = [str(part) for part in (status and f"HTTP {status}", code) if part]
    return ", ".join(parts) or type(error).__name__
