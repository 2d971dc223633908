"""The registered applications and their redirect URIs."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from microsoft_advertising_simulator.identity.oauth_errors import OAuthError

__all__ = ["NATIVE_CLIENT", "Application", "find", "native_client_pages"]

NATIVE_CLIENT: Final = "https://login.microsoftonline.com/common/oauth2/nativeclient"
"""Redirect page of native applications, from which users copy the answer (documented: register)."""


@dataclass(frozen=True, slots=True)
class Application:
    """One registration.

    Args:
        client_id: Application (client) id.
        name: Name on the sign-in page.
        client_secret: None for a public (native) registration.
        redirect_uris: Allowed redirect URIs; `http://localhost` matches all ports.
    """

    client_id: str
    name: str
    client_secret: str | None = field(repr=False)
    redirect_uris: tuple[str, ...]

    def has_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether the redirect URI is registered."""
        return redirect_uri in self.redirect_uris or (
            _without_port(redirect_uri) is not None and _without_port(redirect_uri) in self.redirect_uris
        )

    def check_secret(self, secret: str | None, *, public: bool) -> None:
        """Check the secret of a token request.

        Args:
            secret: As posted; None if there is none.
            public: Whether the code or token was obtained by a public client, without a secret.

        Raises:
            OAuthError: The secret is not allowed, missing, or wrong.
        """
        if public or self.client_secret is None:
            if secret:
                raise OAuthError("invalid_request", 90023, "Public clients can't send a client secret.")
        elif not secret:
            raise OAuthError(
                "invalid_client", 7000218, "The request body must contain client_secret.", http_status=401
            )
        elif not secrets.compare_digest(secret.encode(), self.client_secret.encode()):
            raise OAuthError(
                "invalid_client", 7000215, "An invalid client secret was provided.", http_status=401
            )


def native_client_pages(base_url: str) -> tuple[str, str]:
    """The nativeclient pages: Microsoft's own, and ours with the same path."""
    return NATIVE_CLIENT, f"{base_url.rstrip('/')}{urlsplit(NATIVE_CLIENT).path}"


def find(applications: Iterable[Application], client_id: str | None) -> Application:
    """The application with a client id.

    Raises:
        OAuthError: There is no such application.
    """
    for application in applications:
        if application.client_id == client_id:
            return application
    raise OAuthError("unauthorized_client", 700016, "The application was not found in the directory.")


def _without_port(uri: str) -> str | None:
    """`http://localhost:1234` without its port; None for everything else."""
    parts = urlsplit(uri)
    try:
        local = (parts.scheme, parts.hostname) == ("http", "localhost") and (parts.port or 80) > 0
    except ValueError:
        return None  # the port is not a number, or out of range
    return f"http://localhost{parts.path.rstrip('/')}" if local and not parts.query else None
