"""Access tokens from a refresh token, by msal."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msal

from include.errors import ConfigurationError
from include.microsoft_advertising.account import Account
from include.microsoft_advertising.environment import Environment
from include.microsoft_advertising.faults import Origin, ServiceTransientError, safe_token
from include.microsoft_advertising.wire import client_options, exchange, fault_of, json_of

__all__ = ["TokenSource"]

RENEW_SECONDS_BEFORE = 300
"""A token is renewed this long before it expires (they last about an hour), as msal's own cache does."""

MSAL_REPEATS_SECONDS = 60
"""msal answers from memory for this long after a refusal with HTTP 400 (observed), so that asking earlier is
in vain."""

_TRANSIENT = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_SIGN_IN_AGAIN = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})


class TokenSource:
    """Hands out valid access tokens; renews them early and on demand. Thread-safe.

    Args:
        account: Whose tokens; its refresh token is the first one used.
        environment: Which authority and scope.
        on_rotate: Gets each new refresh token, to keep it durably. It is called under a lock, once per token,
            before the access token is handed out; what it raises reaches whoever asked for the token.
    """

    def __init__(
        self, account: Account, environment: Environment, on_rotate: Callable[[str], None] | None = None
    ) -> None:
        self._account = account
        self._environment = environment
        self._on_rotate = on_rotate
        self._refresh_token = account.refresh_token.get_secret_value()
        self._access_token = ""
        self._renew_at = 0.0
        self._lock = threading.Lock()
        self._application: Any = None
        self._origin = Origin("signing in", account.account_id)
        self._http = _MsalHttp(environment, self._origin)

    def access_token(self, *, force_refresh: bool = False) -> str:
        """A token that is good for some minutes at least.

        Args:
            force_refresh: The service refused the last one, whatever its expiry says.

        Raises:
            ConfigurationError: A human must act: sign in again, or correct client id or secret.
            TransientError: The authority cannot be reached or answers nothing useful now.
        """
        with self._lock:
            if force_refresh or time.monotonic() >= self._renew_at:
                self._renew()
            return self._access_token

    def close(self) -> None:
        """Close the connections to the authority."""
        self._http.close()

    def _renew(self) -> None:
        answer = self._ask()
        if "access_token" not in answer:
            raise _refusal(answer, self._origin)
        self._access_token = str(answer["access_token"])
        self._renew_at = time.monotonic() + _seconds(answer.get("expires_in")) - RENEW_SECONDS_BEFORE
        rotated = answer.get("refresh_token")
        if rotated and rotated != self._refresh_token:
            self._refresh_token = str(rotated)
            if self._on_rotate:
                self._on_rotate(self._refresh_token)

    def _ask(self) -> Mapping[str, Any]:
        try:
            self._application = self._application or self._new_application()
            answer: Mapping[str, Any] = self._application.acquire_token_by_refresh_token(
                self._refresh_token, scopes=list(self._environment.scopes)
            )
        except ServiceTransientError as error:
            # Whatever became of this, the call that the token is for was not sent.
            raise ServiceTransientError(str(error), retry_after=error.retry_after, undone=True) from error
        except (KeyError, ValueError) as error:
            raise ConfigurationError(
                f"{self._origin}: the authority's answer is not as it should be ({type(error).__name__}). "
                "Check the base URL on the connection."
            ) from None  # the cause repeats the answer
        return answer

    def _new_application(self) -> Any:
        secret = self._account.client_secret
        options = {"authority": self._environment.authority, "http_client": self._http}
        if secret is None:
            return msal.PublicClientApplication(self._account.client_id, **options)
        return msal.ConfidentialClientApplication(
            self._account.client_id, client_credential=secret.get_secret_value(), **options
        )


class _MsalHttp:
    """What msal sends its requests with: httpx, set up as everywhere, and for a stand-in sent to its host.

    Answers that are no JSON are kept from msal, which would log them whole.
    """

    def __init__(self, environment: Environment, origin: Origin) -> None:
        self._client = httpx.Client(**client_options(environment))
        self._host = environment.token_host
        self._origin = origin

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self._send("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self._send("POST", url, **options)

    def close(self) -> None:
        self._client.close()

    def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        target = httpx.URL(url)
        if self._host is not None:
            target = httpx.URL(self._host.rstrip("/") + target.raw_path.decode("ascii"))
        with exchange(self._origin):
            response = self._client.request(method, target, **options)
        overloaded = response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS
        if overloaded or json_of(response) is None:
            raise fault_of(response, self._origin)
        return response


def _refusal(answer: Mapping[str, Any], origin: Origin) -> Exception:
    """By the OAuth error. Its description can name the user: only Microsoft's codes are taken from it."""
    name = safe_token(answer.get("error")) or "unknown_error"
    codes = " ".join(dict.fromkeys(re.findall(r"AADSTS[0-9]+", str(answer.get("error_description", "")))))
    what = f"{origin}: {name}{f' ({codes})' if codes else ''}"
    if name in _TRANSIENT:
        return ServiceTransientError(what, retry_after=MSAL_REPEATS_SECONDS, undone=True)
    if name in _SIGN_IN_AGAIN:
        return ConfigurationError(
            f"{what}: the refresh token is not accepted (any more): expired, revoked, not of this client, or "
            "the password was changed. Sign in again (`customer-match login`) and update the connection."
        )
    return ConfigurationError(
        f"{what}. Check client id, client secret and the app registration (public clients have no secret)."
    )


def _seconds(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0
