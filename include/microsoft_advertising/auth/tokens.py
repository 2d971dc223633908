"""Obtains access tokens with a refresh token, through msal."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from customer_match.errors import ConfigurationError
from microsoft_advertising.account import Account
from microsoft_advertising.auth.authority import AuthorityHttp, application
from microsoft_advertising.auth.authority_errors import (
    DOUBTFUL_SECONDS,
    SIGN_IN_AGAIN,
    is_doubtful,
    refusal,
)
from microsoft_advertising.auth.refresh_tokens import NewestRefreshToken, TokenStore
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import Origin, ServiceTransientError

__all__ = ["TokenSource"]

RENEW_SECONDS_BEFORE = 300
"""Seconds before expiry at which a token is renewed (tokens last about an hour), as in msal's own cache."""

MAX_TRIES = 20
"""Maximum refresh tokens tried in one renewal. Each try after the first requires that another process has just stored a
newer token, so reaching this number indicates a fault."""


class TokenSource:
    """Returns valid access tokens; renews them early and on demand. Thread-safe.

    Other processes may renew at the same time, even if the authority accepts each refresh token only once: after a
    refusal, the source reads the store again and tries a token that another process has stored.

    Args:
        account: The credentials; their refresh token is used until a newer one is stored.
        environment: The authority and the scope.
        store: Stores each new refresh token. It is used under a lock, before the access token is returned.
    """

    def __init__(self, account: Account, environment: Environment, store: TokenStore | None = None) -> None:
        self._account = account
        self._environment = environment
        self._newest = NewestRefreshToken(account.refresh_token.get_secret_value(), store)
        self._issued: tuple[str, float] | None = None
        """The newest access token, and when it is to be renewed."""
        self._lock = threading.Lock()
        self._doubted_at: float | None = None
        self._application: Any = None
        self._origin = Origin("signing in", account.account_id)
        self._http = AuthorityHttp(environment, self._origin)

    def current_token(self) -> str | None:
        """The newest token if it is valid for at least some minutes. Never waits."""
        issued = self._issued
        return issued[0] if issued and time.monotonic() < issued[1] else None

    def access_token(self, *, refused: str | None = None) -> str:
        """A token that is valid for at least some minutes.

        Args:
            refused: A token that the service has refused, although it has not expired. It is renewed, but only once,
                however many callers report it.

        Raises:
            ConfigurationError: A user must act: sign in again, or correct the client id or secret.
            TransientError: The authority cannot be reached, or its answer is not usable now.
        """
        with self._lock:
            token = self.current_token()
            if token is None or token == refused:
                token = self._renew()
                self._doubted_at = None
            return token

    def close(self) -> None:
        """Close the connections to the authority."""
        self._http.close()

    def _renew(self) -> str:
        answer = self._redeem()
        token = str(answer["access_token"])
        self._issued = token, time.monotonic() + _seconds(answer.get("expires_in")) - RENEW_SECONDS_BEFORE
        if answer.get("refresh_token"):
            self._newest.keep(str(answer["refresh_token"]))
        return token

    def _redeem(self) -> Mapping[str, Any]:
        """The authority's answer with an access token."""
        token, doubtful = self._newest.next(), False
        for _ in range(MAX_TRIES):
            answer = self._ask(token)
            if "access_token" in answer:
                return answer
            doubtful = doubtful or is_doubtful(answer)
            another = self._next_after_refusal(token) if answer.get("error") in SIGN_IN_AGAIN else None
            if another is None:
                break
            token = another
        if doubtful:
            self._postpone_doubtful_refusal()
        raise refusal(answer, self._origin)

    def _postpone_doubtful_refusal(self) -> None:
        """Have the caller wait a minute and try the token once more, because valid tokens are sometimes refused.

        Raises:
            ServiceTransientError: The minute is not over. Waiting here would block all other threads, too.
        """
        now = time.monotonic()
        if self._doubted_at is None:
            self._doubted_at = now
        left = self._doubted_at + DOUBTFUL_SECONDS - now
        if left > 0:
            self._application = None  # as below
            raise ServiceTransientError(
                f"{self._origin}: invalid_grant (AADSTS70000), which the authority sometimes returns for valid refresh "
                "tokens, too. The token is tried once more in a minute. If it is refused again, sign in again "
                "(`customer-match login`).",
                retry_after=left,
                undone=True,
            )
        self._doubted_at = None

    def _next_after_refusal(self, refused: str) -> str | None:
        self._application = None  # msal would refuse the same token from memory for a minute
        return self._newest.after_refusal(refused)

    def _ask(self, refresh_token: str) -> Mapping[str, Any]:
        try:
            self._application = self._application or self._new_application()
            answer: Mapping[str, Any] = self._application.acquire_token_by_refresh_token(
                refresh_token, scopes=list(self._environment.scopes)
            )
        except ServiceTransientError as error:
            # In any case, the call that needs the token was not sent.
            raise ServiceTransientError(str(error), retry_after=error.retry_after, undone=True) from error
        except (KeyError, ValueError) as error:
            raise ConfigurationError(
                f"{self._origin}: the authority's answer is not valid ({type(error).__name__}). Check the base URL on "
                "the connection."
            ) from None  # the cause repeats the answer
        return answer

    def _new_application(self) -> Any:
        return application(
            self._account.client_id, self._account.client_secret, self._environment, self._http
        )


def _seconds(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0
