"""The authorization code flow: the request, the code, and the check at its redemption."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from microsoft_advertising_simulator.identity.applications import Application, find
from microsoft_advertising_simulator.identity.oauth_errors import Answer, OAuthError, RedirectedError

__all__ = ["SCOPES", "AuthorizationRequest", "CodeGrant", "read_request"]

SCOPES: Final = ("https://ads.microsoft.com/msads.manage", "https://si.ads.microsoft.com/msads.manage")
OFFLINE: Final = "offline_access"
_OF_OPENID: Final = frozenset({"openid", "profile", "email", OFFLINE})
_MODES: Final = ("query", "fragment", "form_post")
_CHALLENGE_LENGTHS: Final = range(43, 129)  # RFC 7636


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request to the sign-in page.

    Args:
        application: The application that sent it.
        redirect_uri: Where the answer is sent.
        scope: Requested scopes, space-separated.
        state: Returned unchanged.
        code_challenge: PKCE; None without it.
        challenge_method: `S256` or `plain`.
        nonce: Returned in the id token.
        mode: Where the answer is: `query`, `fragment` or `form_post`.
    """

    application: Application
    redirect_uri: str
    scope: str
    mode: str = "query"
    state: str | None = None
    code_challenge: str | None = None
    challenge_method: str = "plain"
    nonce: str | None = None

    def accept(self, code: str) -> Answer:
        """The answer after the user has accepted."""
        return self.answer(code=code)

    def decline(self) -> Answer:
        """The answer after the user has declined."""
        return self.answer(
            error="access_denied",
            error_description="AADSTS65004: The user declined to consent to access the app.",
        )

    def answer(self, **parameters: str) -> Answer:
        """An answer to this request, with its state."""
        if self.state is not None:
            parameters["state"] = self.state
        return Answer(self.redirect_uri, self.mode, parameters)


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """The grant of a code. It is bound to client, redirect URI and challenge, and is short-lived.

    Args:
        expires_at: By the simulator's clock.
        public: Whether a public client requested it, so that no secret may be sent with it.
    """

    client_id: str
    redirect_uri: str
    scope: str
    expires_at: float
    public: bool
    code_challenge: str | None = field(default=None, repr=False)
    challenge_method: str = "plain"
    nonce: str | None = None

    def check(self, form: Mapping[str, str], now: float) -> None:
        """Check that a token request may redeem it.

        Raises:
            OAuthError: Another client or redirect URI, an expired code, or a wrong verifier.
        """
        if form.get("client_id") != self.client_id:
            raise OAuthError("invalid_grant", 70000, "The code was issued to another client.")
        if form.get("redirect_uri") != self.redirect_uri:
            raise OAuthError(
                "invalid_client", 50011, "The reply address does not match that of the authorization request."
            )
        if now >= self.expires_at:
            raise OAuthError("invalid_grant", 70008, "The authorization code has expired.")
        if self.code_challenge is not None and not self._verify(form.get("code_verifier", "")):
            raise OAuthError(
                "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge supplied."
            )

    def _verify(self, verifier: str) -> bool:
        proof = verifier
        if self.challenge_method == "S256":
            digest = hashlib.sha256(verifier.encode()).digest()
            proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return secrets.compare_digest(proof.encode(), (self.code_challenge or "").encode())


def read_request(
    parameters: Mapping[str, str], applications: Iterable[Application], native_pages: Iterable[str]
) -> AuthorizationRequest:
    """Check an authorization request.

    Args:
        parameters: From the query.
        applications: The registered applications.
        native_pages: The nativeclient pages, which public applications may use.

    Raises:
        RedirectedError: Wrong scope, response type, response mode or challenge; sent to the redirect URI.
        OAuthError: The application or its redirect URI is unknown; shown on a page.
    """
    application = find(applications, parameters.get("client_id"))
    redirect_uri = parameters.get("redirect_uri", "")
    native = application.client_secret is None and redirect_uri in native_pages
    if not (native or application.has_redirect_uri(redirect_uri)):
        raise OAuthError(
            "invalid_request", 50011, "The redirect URI does not match those configured for the application."
        )
    request = AuthorizationRequest(
        application=application,
        redirect_uri=redirect_uri,
        scope=parameters.get("scope", ""),
        mode=parameters.get("response_mode", "query"),
        state=parameters.get("state"),
        code_challenge=parameters.get("code_challenge"),
        challenge_method=parameters.get("code_challenge_method", "plain"),
        nonce=parameters.get("nonce"),
    )
    fault = _fault(request, parameters)
    if fault:
        error, number, description = fault
        answer = request.answer(error=error, error_description=f"AADSTS{number}: {description}")
        raise RedirectedError(error, number, description, answer)
    return request


def _fault(request: AuthorizationRequest, parameters: Mapping[str, str]) -> tuple[str, int, str] | None:
    scopes = set(request.scope.split())
    if parameters.get("response_type") != "code":
        return "unsupported_response_type", 70005, "The response type must be code."
    if request.mode not in _MODES:
        return "invalid_request", 70007, "The response mode is not supported."
    if not scopes & set(SCOPES) or scopes - set(SCOPES) - _OF_OPENID:
        return "invalid_scope", 70011, "The scope is not valid."
    if request.challenge_method not in ("plain", "S256"):
        return "invalid_request", 501491, "The code challenge method is not supported."
    if request.code_challenge is not None and len(request.code_challenge) not in _CHALLENGE_LENGTHS:
        return "invalid_request", 501491, "The size of the code challenge is not valid."
    return None
