"""Result files of uploads and downloads, and the short-lived URLs that lead to them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage

__all__ = ["ResultGoneError", "ResultLinks"]


class ResultGoneError(Exception):
    """A result URL does not work.

    Args:
        expired: The URL is past its time (True) or unknown, or its file was removed (False).
    """

    def __init__(self, *, expired: bool) -> None:
        super().__init__("expired" if expired else "unknown")
        self.expired = expired


class ResultLinks:
    """Mints URL tokens for result files, and opens them.

    Args:
        storage: Keeps the tokens.
        folder: The result files; created if it is missing.
        clock: Tells expiry.
        settings: The settings in force now.
    """

    def __init__(
        self, storage: Storage, folder: Path, clock: Clock, settings: Callable[[], Settings]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._storage = storage
        self._clock = clock
        self._settings = settings
        self.folder = folder

    def mint(self, file: str, kept_until: float) -> str | None:
        """A fresh token; None once the file is past `kept_until`, for then it counts as removed."""
        now = self._clock.now()
        if now >= kept_until:
            return None
        token = secrets.token_urlsafe(24)
        expires_at = now + self._settings().result_url_seconds
        self._storage.add_result_link(token, file, expires_at, kept_until)
        return token

    def open(self, token: str) -> Path:
        """The file that a token leads to.

        Raises:
            ResultGoneError: The URL is unknown or expired, or the file was removed.
        """
        known = self._storage.result_link(token)
        if known is None:
            raise ResultGoneError(expired=False)
        file, expires_at, kept_until = known
        now = self._clock.now()
        if now >= expires_at:
            raise ResultGoneError(expired=True)
        if now >= kept_until:
            raise ResultGoneError(expired=False)
        return self.folder / file

    def keep_only(self, names: Iterable[str]) -> None:
        """Remove files that nothing points to: results of work that a crash cut off before its commit."""
        wanted = set(names)
        for path in self.folder.iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)
