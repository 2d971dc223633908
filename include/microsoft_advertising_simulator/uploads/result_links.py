"""Result files of uploads and downloads, and their short-lived URLs."""

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
        expired: True if the URL has expired; False if it is unknown, or its file was removed.
    """

    def __init__(self, *, expired: bool) -> None:
        super().__init__("expired" if expired else "unknown")
        self.expired = expired


class ResultLinks:
    """Issues URL tokens for result files, and resolves them.

    Args:
        storage: Stores the tokens.
        folder: Folder of the result files; created if it is missing.
        clock: For expiry.
        settings: Returns the current settings.
    """

    def __init__(
        self, storage: Storage, folder: Path, clock: Clock, settings: Callable[[], Settings]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._storage = storage
        self._clock = clock
        self._settings = settings
        self.folder = folder

    def issue(self, file: str, kept_until: float) -> str | None:
        """A new token; None after `kept_until`, when the file counts as removed."""
        now = self._clock.now()
        if now >= kept_until:
            return None
        token = secrets.token_urlsafe(24)
        expires_at = now + self._settings().result_url_seconds
        self._storage.add_result_link(token, file, expires_at, kept_until)
        return token

    def open(self, token: str) -> Path:
        """The file of a token.

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

    def remove_except(self, names: Iterable[str]) -> None:
        """Remove files without a reference: results of work that a crash interrupted before its commit."""
        wanted = set(names)
        for path in self.folder.iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)
