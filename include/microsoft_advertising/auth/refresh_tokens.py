"""Which refresh token is the newest, though several processes renew: the seam to where it is kept."""

from __future__ import annotations

import time
from typing import Final, Protocol

__all__ = ["KeptInMemory", "NewestRefreshToken", "TokenStore"]

_LOOKS: Final = (0.0, 0.3, 0.7, 2.0)
"""Seconds before each look for a token that another process is about to keep: it has it from the authority
already, and needs no more than one write."""


class TokenStore(Protocol):
    """Keeps the newest refresh token of one sign-in, durably and for all processes that use it.

    What was stored last wins. That is enough: where the authority lets a token work once only, whoever stores a
    newer one has read the one before; where it lets it work often, each of them is good.
    """

    def load(self) -> str | None:
        """The token that was stored last; None if there is none, or it cannot be read."""

    def save(self, refresh_token: str) -> None:
        """Store a token. Never raises: the token in hand is good, whatever becomes of its copy."""


class KeptInMemory:
    """A store for one process, such as a sign-in that is not over yet."""

    def __init__(self) -> None:
        self.refresh_token: str | None = None

    def load(self) -> str | None:
        """See `TokenStore`."""
        return self.refresh_token

    def save(self, refresh_token: str) -> None:
        """See `TokenStore`."""
        self.refresh_token = refresh_token


class NewestRefreshToken:
    """The refresh token to use next. Not thread-safe: `TokenSource` holds a lock.

    Args:
        first: That of the connection.
        store: Where newer ones are kept; None if this process is the only one, and keeps them itself.
    """

    def __init__(self, first: str, store: TokenStore | None) -> None:
        self._first = first
        self._store = store
        self._current = first
        self._seen: str | None = None
        self._refused: set[str] = set()

    def next(self) -> str:
        """The one to use now: the stored one if it changed since we last looked, else the newest of our own."""
        stored = self._load()
        if stored and stored != self._seen:
            self._seen = self._current = stored
        return self._current

    def after_refusal(self, refused: str) -> str | None:
        """Another one to try, now that the authority has refused one; None if there is none.

        Another process may have redeemed it a moment ago, and be about to store its successor. As the last one,
        the connection's own is tried: what is stored may be damaged.
        """
        self._refused.add(refused)
        stored = self._await_another_token() if self._store else None
        if stored:
            self._seen = self._current = stored
            return stored
        return None if self._first in self._refused else self._first

    def keep(self, token: str) -> None:
        """The authority has issued a token; it is stored if it is a new one."""
        self._refused.clear()
        if token != self._current:
            self._current = token
            if self._store:
                self._store.save(token)

    def _await_another_token(self) -> str | None:
        for pause in _LOOKS:
            time.sleep(pause)
            stored = self._load()
            if stored and stored not in self._refused:
                return stored
        return None

    def _load(self) -> str | None:
        return self._store.load() if self._store else None
