"""Finds the newest refresh token when several processes renew tokens; defines the interface of token stores."""

from __future__ import annotations

import time
from typing import Final, Protocol

__all__ = ["InMemoryTokenStore", "NewestRefreshToken", "TokenStore"]

_DELAYS: Final = (0.0, 0.3, 0.7, 2.0)
"""Seconds before each read of the store, for a token that another process is about to store. That process already has
the token and only needs to write it."""


class TokenStore(Protocol):
    """Stores the newest refresh token of one sign-in, durably and for all processes that use it.

    The last write wins. That is sufficient: if the authority accepts each token only once, the process that stores a
    newer token has read the previous one; if it accepts a token repeatedly, all of them are valid.
    """

    def load(self) -> str | None:
        """The token stored last; None if there is none, or if it cannot be read."""

    def save(self, refresh_token: str) -> None:
        """Store a token. Never raises, because the caller's token is valid even if it cannot be stored."""


class InMemoryTokenStore:
    """A store for one process, for example during a sign-in."""

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
        first: The connection's refresh token.
        store: Stores newer tokens; None if this is the only process, which then keeps them in memory.
    """

    def __init__(self, first: str, store: TokenStore | None) -> None:
        self._first = first
        self._store = store
        self._current = first
        self._seen: str | None = None
        self._refused: set[str] = set()

    def next(self) -> str:
        """The token to use now: the stored one if it has changed since the last read, else our newest."""
        stored = self._load()
        if stored and stored != self._seen:
            self._seen = self._current = stored
        return self._current

    def after_refusal(self, refused: str) -> str | None:
        """The token to try after the authority has refused one; None if there is none.

        Another process may have just redeemed the token and be about to store its successor. The connection's own
        token is tried last, because the stored one may be damaged.
        """
        self._refused.add(refused)
        stored = self._await_another_token() if self._store else None
        if stored:
            self._seen = self._current = stored
            return stored
        return None if self._first in self._refused else self._first

    def keep(self, token: str) -> None:
        """Use a token that the authority has issued from now on, and store it if it is new."""
        self._refused.clear()
        if token != self._current:
            self._current = token
            if self._store:
                self._store.save(token)

    def _await_another_token(self) -> str | None:
        for delay in _DELAYS:
            time.sleep(delay)
            stored = self._load()
            if stored and stored not in self._refused:
                return stored
        return None

    def _load(self) -> str | None:
        return self._store.load() if self._store else None
