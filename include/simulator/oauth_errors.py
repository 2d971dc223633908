"""Refusals of the sign-in face: with a token request, on the page, or sent back to the application."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

__all__ = ["OAuthError", "SentBack", "location"]


class OAuthError(Exception):
    """A token request is refused, or a page says why it cannot go on.

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


class SentBack(OAuthError):
    """An authorization request is refused, and its application is told at its redirect URI.

    Args:
        address: The redirect URI with the refusal in its query.
    """

    def __init__(
        self, error: str, number: int, description: str, *, redirect_uri: str, state: str | None
    ) -> None:
        super().__init__(error, number, description)
        self.address = location(
            redirect_uri, error=error, error_description=f"AADSTS{number}: {description}", state=state
        )


def location(redirect_uri: str, **answer: str | None) -> str:
    """The redirect URI with an answer added to its query; what is None is left out."""
    parts = urlsplit(redirect_uri)
    added = urlencode({key: value for key, value in answer.items() if value is not None})
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, added) if part)))
