"""Who may call: the ready-made account, its tokens, and the check of a call's credentials."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import jwt

from include.simulator.clock import Clock
from include.simulator.codes import ServiceFault
from include.simulator.model import Account, Caller
from include.simulator.settings import Settings
from include.simulator.storage import Storage

__all__ = ["SCOPES", "TENANT_ID", "Identity", "OAuthError"]

SCOPES: Final = ("https://ads.microsoft.com/msads.manage", "https://si.ads.microsoft.com/msads.manage")
TENANT_ID: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"  # tenant of personal Microsoft accounts
SANDBOX_DEVELOPER_TOKEN: Final = "BBD37VB98"  # noqa: S105 - universal and public (sandbox.md)


class OAuthError(Exception):
    """A token request is refused.

    Args:
        error: OAuth error symbol.
        number: AADSTS number.
        description: Sentence for people.
        http_status: 400, or 401 for a wrong secret.
    """

    def __init__(self, error: str, number: int, description: str, *, http_status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.number = number
        self.description = description
        self.http_status = http_status


class Identity:
    """Tokens and credentials.

    Args:
        storage: Keeps the account and the tokens.
        clock: Tells expiry.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def account(self, *, sandbox: bool) -> Account:
        """The ready-made account; made at the first start and the same ever after."""
        values = self._storage.get("account")
        if values is None:
            account = _new_account()
            self._storage.put("account", asdict(account))
        else:
            account = Account(**values)
        if sandbox:
            return Account(**{**asdict(account), "developer_token": SANDBOX_DEVELOPER_TOKEN})
        return account

    def refresh_token(self) -> str:
        """A refresh token that works: the ready-made one, or a new one if that was revoked."""
        token = self._storage.get("ready_made_refresh_token")
        known = None if token is None else self._storage.token(token, "refresh")
        if token is None or known is None or known[1]:
            token = self._issue("refresh", None)
            self._storage.put("ready_made_refresh_token", token)
        return str(token)

    def exchange(self, form: Mapping[str, str], settings: Settings) -> dict[str, Any]:
        """Answer a token request.

        Args:
            form: The posted fields; unknown ones are ignored.
            settings: For the lifetime of tokens and the kind of rotation.

        Returns:
            The token JSON, with ``id_token`` (and ``client_info`` if asked for), which msal needs.

        Raises:
            OAuthError: As documented: unknown client, wrong secret, bad grant, wrong scope.
        """
        account = self.account(sandbox=settings.sandbox)
        _check_client(form, account)
        if form.get("grant_type") != "refresh_token":
            raise OAuthError("unsupported_grant_type", 70003, "The grant_type must be refresh_token.")
        scope = form.get("scope", SCOPES[0])
        if not set(scope.split()) & set(SCOPES):
            raise OAuthError("invalid_grant", 70000, "The scope requested is not authorized for this user.")
        with self._storage.transaction():
            self._redeem(form.get("refresh_token", ""), settings)
            answer = self._tokens(settings, scope)
        return {**answer, **_identity_claims(account, self._clock.now(), form)}

    def authenticate(
        self, *, token: str | None, developer_token: str | None, customer_id: str | None,
        account_id: str | None, settings: Settings,
    ) -> Caller:  # fmt: skip
        """Check the credentials of a call; `account_id` and `customer_id` may be None where not needed.

        Raises:
            ServiceFault: 105 unknown token or developer token, 106 foreign account or customer,
                109 expired token, 116 missing header.
        """
        account = self.account(sandbox=settings.sandbox)
        if not token or not developer_token:
            raise ServiceFault(116, "Authorization and DeveloperToken are required.")
        known = self._storage.token(token, "access")
        if known is None or developer_token != account.developer_token:
            raise ServiceFault(105)
        if known[0] is not None and known[0] <= self._clock.now():
            raise ServiceFault(109)
        if customer_id not in (None, account.customer_id) or account_id not in (None, account.account_id):
            raise ServiceFault(106)
        return Caller(account.user_id, account.customer_id, account.account_id)

    def expire_access_tokens(self) -> None:
        """From now on every access token that was issued answers 109."""
        self._storage.expire_tokens("access")

    def revoke_refresh_tokens(self) -> None:
        """From now on every refresh token that was issued answers invalid_grant."""
        self._storage.revoke_tokens("refresh")

    def _redeem(self, token: str, settings: Settings) -> None:
        known = self._storage.token(token, "refresh")
        if known is None or known[1]:
            raise OAuthError(
                "invalid_grant", 70000, "The user could not be authenticated or the grant is expired."
            )
        if settings.strict_rotation:
            self._storage.revoke_token(token)

    def _tokens(self, settings: Settings, scope: str) -> dict[str, Any]:
        lifetime = settings.access_token_seconds
        return {
            "token_type": "Bearer",
            "scope": " ".join(part for part in scope.split() if part in SCOPES),
            "expires_in": int(lifetime),
            "ext_expires_in": int(lifetime),
            "access_token": self._issue("access", self._clock.now() + lifetime),
            "refresh_token": self._issue("refresh", None),
        }

    def _issue(self, kind: str, expires_at: float | None) -> str:
        token = f"sim-{kind}-{secrets.token_urlsafe(32)}"
        self._storage.add_token(token, kind, expires_at)
        return token


def _new_account() -> Account:
    return Account(
        developer_token="SIM" + secrets.token_hex(6).upper(),
        client_id=_guid(),
        client_secret=secrets.token_urlsafe(24),
        # Ids are no secrets; the same ones everywhere, so that a sample export fits every simulator.
        user_id="17000001",
        customer_id="190000001",
        account_id="180000001",
    )


def _guid() -> str:
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _check_client(form: Mapping[str, str], account: Account) -> None:
    if form.get("client_id") != account.client_id:
        raise OAuthError("unauthorized_client", 700016, "The application was not found in the directory.")
    if not secrets.compare_digest(form.get("client_secret", "").encode(), account.client_secret.encode()):
        raise OAuthError("invalid_client", 7000215, "An invalid client secret was provided.", http_status=401)


def _identity_claims(account: Account, now: float, form: Mapping[str, str]) -> dict[str, str]:
    """``id_token`` and ``client_info``: without them msal keeps no account and cannot work silently."""
    claims = {
        "aud": account.client_id,
        "iss": f"https://login.microsoftonline.com/{TENANT_ID}/v2.0",
        "iat": int(now),
        "nbf": int(now) - 60,
        "exp": int(now) + 3600,
        "sub": account.user_id,
        "oid": account.user_id,
        "tid": TENANT_ID,
        "preferred_username": "simulated.user",
        "ver": "2.0",
    }
    answer = {"id_token": jwt.encode(claims, account.client_secret.ljust(32), algorithm="HS256")}
    if form.get("client_info") == "1":
        info = json.dumps({"uid": account.user_id, "utid": TENANT_ID}).encode()
        answer["client_info"] = base64.urlsafe_b64encode(info).decode().rstrip("=")
    return answer
