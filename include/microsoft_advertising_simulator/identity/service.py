"""Identity: the predefined account, its applications and tokens, and the check of a call's credentials."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import jwt

from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.identity.applications import (
    NATIVE_CLIENT,
    Application,
    find,
    native_client_pages,
)
from microsoft_advertising_simulator.identity.authorization import (
    OFFLINE,
    SCOPES,
    AuthorizationRequest,
    CodeGrant,
    read_request,
)
from microsoft_advertising_simulator.identity.oauth_errors import Answer, OAuthError
from microsoft_advertising_simulator.model import Account, Caller
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage

__all__ = ["TENANT_ID", "Identity"]

TENANT_ID: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"  # tenant of personal Microsoft accounts
SANDBOX_DEVELOPER_TOKEN: Final = "BBD37VB98"  # noqa: S105 - universal and public (sandbox.md)


class Identity:
    """Tokens and credentials.

    Args:
        storage: Stores the account and the tokens.
        clock: For expiry.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def account(self, *, sandbox: bool) -> Account:
        """The predefined account, created at the first start."""
        values = self._storage.get("account")
        if values is None or "public_client_id" not in values:  # a folder of an earlier version
            values = {**asdict(_new_account()), **(values or {})}
            self._storage.put("account", values)
        account = Account(**values)
        if sandbox:
            return Account(**{**asdict(account), "developer_token": SANDBOX_DEVELOPER_TOKEN})
        return account

    def refresh_token(self) -> str:
        """A valid refresh token: the predefined one, or a new one if that was revoked."""
        token = self._storage.get("ready_made_refresh_token")
        known = None if token is None else self._storage.token(token, "refresh")
        if token is None or known is None or known[1]:
            token = self._issue("refresh", None)
            self._storage.put("ready_made_refresh_token", token)
        return str(token)

    def applications(self, settings: Settings) -> tuple[Application, Application]:
        """The two registrations: a web application with a secret, and a public (native) one without."""
        account = self.account(sandbox=settings.sandbox)
        return (
            Application(
                account.client_id, "Sample web application", account.client_secret, settings.web_redirect_uris
            ),
            Application(
                account.public_client_id,
                "Sample native application",
                None,
                ("http://localhost", NATIVE_CLIENT),
            ),
        )

    def read_request(
        self, parameters: Mapping[str, str], settings: Settings, base_url: str
    ) -> AuthorizationRequest:
        """Read and check an application's authorization request.

        Args:
            parameters: From the query, or from the page's form.
            settings: For the redirect URIs of the web application.
            base_url: The simulator's URL, for its own nativeclient page.

        Raises:
            OAuthError: See `read_request`.
        """
        return read_request(parameters, self.applications(settings), native_client_pages(base_url))

    def accept(self, request: AuthorizationRequest, settings: Settings) -> Answer:
        """The user accepts: issue a code for the application."""
        public = request.application.client_secret is None or request.redirect_uri == NATIVE_CLIENT
        grant = CodeGrant(
            client_id=request.application.client_id,
            redirect_uri=request.redirect_uri,
            scope=request.scope,
            expires_at=self._clock.now() + settings.authorization_code_seconds,
            public=public,
            code_challenge=request.code_challenge,
            challenge_method=request.challenge_method,
            nonce=request.nonce,
        )
        code = f"sim-code-{secrets.token_urlsafe(32)}"
        self._storage.add_code(code, asdict(grant))
        return request.accept(code)

    def exchange(self, form: Mapping[str, str], settings: Settings) -> dict[str, Any]:
        """Answer a token request.

        Args:
            form: The posted fields; unknown ones are ignored.
            settings: For the lifetime and the rotation of tokens.

        Returns:
            The token JSON, with ``id_token`` (and ``client_info`` if requested), which msal needs.

        Raises:
            OAuthError: As documented: unknown client, wrong secret, invalid grant, wrong scope.
        """
        application = find(self.applications(settings), form.get("client_id"))
        redeem = {"refresh_token": self._redeem_token, "authorization_code": self._redeem_code}.get(
            form.get("grant_type", "")
        )
        if redeem is None:
            raise OAuthError(
                "unsupported_grant_type", 70003, "The grant_type must be refresh_token or authorization_code."
            )
        with self._storage.transaction():
            grant = redeem(application, form, settings)
            answer = self._tokens(settings, application, grant)
        account = self.account(sandbox=settings.sandbox)
        return {**answer, **_identity_claims(account, self._clock.now(), form, grant.nonce)}

    def authenticate(
        self, *, token: str | None, developer_token: str | None, customer_id: str | None,
        account_id: str | None, settings: Settings,
    ) -> Caller:  # fmt: skip
        """Check the credentials of a call; `account_id` and `customer_id` may be None if they are not needed.

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
        """Expire all issued access tokens: they return 109 from now on."""
        self._storage.expire_tokens("access")

    def revoke_refresh_tokens(self) -> None:
        """Revoke all issued refresh tokens: they return invalid_grant from now on."""
        self._storage.revoke_tokens("refresh")

    def _redeem_token(self, application: Application, form: Mapping[str, str], settings: Settings) -> _Grant:
        token = form.get("refresh_token", "")
        known, owner = self._storage.token(token, "refresh"), self._storage.token_owner(token)
        public = bool(owner and owner[1])
        application.check_secret(form.get("client_secret"), public=public)
        scope = form.get("scope", SCOPES[0])
        _check_scope(scope)
        foreign = owner is not None and owner[0] != application.client_id
        foreign |= (
            owner is None and application.client_secret is None
        )  # the predefined token is the web application's
        if known is None or foreign:
            raise OAuthError(
                "invalid_grant", 70000, "The user could not be authenticated or the grant is expired."
            )
        if known[1]:
            raise OAuthError("invalid_grant", 50173, "The grant has been revoked.")
        if settings.strict_rotation:
            self._storage.revoke_token(token)
        return _Grant(scope, public=public, offline=True)

    def _redeem_code(self, application: Application, form: Mapping[str, str], _: Settings) -> _Grant:
        code = form.get("code", "")
        found = self._storage.code(code)
        grant = None if found is None else CodeGrant(**found[0])
        application.check_secret(form.get("client_secret"), public=grant is not None and grant.public)
        _check_scope(form.get("scope", SCOPES[0]))
        if found is None or grant is None:
            raise OAuthError("invalid_grant", 70000, "The code is not valid.")
        if found[1]:
            raise OAuthError("invalid_grant", 54005, "The authorization code was already redeemed.")
        grant.check(form, self._clock.now())
        self._storage.redeem_code(code)
        return _Grant(
            grant.scope, public=grant.public, offline=OFFLINE in grant.scope.split(), nonce=grant.nonce
        )

    def _tokens(self, settings: Settings, application: Application, grant: _Grant) -> dict[str, Any]:
        lifetime = settings.access_token_seconds
        answer = {
            "token_type": "Bearer",
            "scope": " ".join(part for part in grant.scope.split() if part in SCOPES),
            "expires_in": int(lifetime),
            "ext_expires_in": int(lifetime),
            "access_token": self._issue("access", self._clock.now() + lifetime),
        }
        if grant.offline:
            token = self._issue("refresh", None)
            self._storage.own_token(token, application.client_id, public=grant.public)
            answer["refresh_token"] = token
        return answer

    def _issue(self, kind: str, expires_at: float | None) -> str:
        token = f"sim-{kind}-{secrets.token_urlsafe(32)}"
        self._storage.add_token(token, kind, expires_at)
        return token


@dataclass(frozen=True, slots=True)
class _Grant:
    """The rights of a redeemed code or token."""

    scope: str
    public: bool
    offline: bool
    nonce: str | None = None


def _new_account() -> Account:
    return Account(
        developer_token="SIM" + secrets.token_hex(6).upper(),
        client_id=_guid(),
        client_secret=secrets.token_urlsafe(24),
        public_client_id=_guid(),
        # Ids are not secret; they are always the same, so that a sample export works with every simulator.
        user_id="17000001",
        customer_id="190000001",
        account_id="180000001",
    )


def _guid() -> str:
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _check_scope(scope: str) -> None:
    if not set(scope.split()) & set(SCOPES):
        raise OAuthError("invalid_grant", 70000, "The scope requested is not authorized for this user.")


def _identity_claims(
    account: Account, now: float, form: Mapping[str, str], nonce: str | None
) -> dict[str, str]:
    """``id_token`` and ``client_info``: without them msal stores no account and cannot renew silently."""
    claims: dict[str, Any] = {
        "aud": form["client_id"],
        "iss": f"https://login.microsoftonline.com/{TENANT_ID}/v2.0",
        "iat": int(now),
        "nbf": int(now) - 60,
        "exp": int(now) + 3600,
        "sub": account.user_id,
        "oid": account.user_id,
        "tid": TENANT_ID,
        "preferred_username": "simulated.user",
        "ver": "2.0",
        **({"nonce": nonce} if nonce else {}),
    }
    answer = {"id_token": jwt.encode(claims, account.client_secret.ljust(32), algorithm="HS256")}
    if form.get("client_info") == "1":
        info = json.dumps({"uid": account.user_id, "utid": TENANT_ID}).encode()
        answer["client_info"] = base64.urlsafe_b64encode(info).decode().rstrip("=")
    return answer
