"""Errors and answers of the sign-in endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

__all__ = ["Answer", "OAuthError", "RedirectedError"]


class OAuthError(Exception):
    """A refused token request, or an error that a page shows.

    Args:
        error: OAuth error code.
        number: AADSTS number.
        description: Sentence for users.
        http_status: 400, or 401 for a wrong secret.
    """

    def __init__(self, error: str, number: int, description: str, *, http_status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.number = number
        self.description = description
        self.http_status = http_status


class RedirectedError(OAuthError):
    """A refused authorization request whose error is sent to the application's redirect URI.

    Args:
        answer: The answer to the application.
    """

    def __init__(self, error: str, number: int, description: str, answer: Answer) -> None:
        super().__init__(error, number, description)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an application, sent through the browser.

    Args:
        redirect_uri: Target of the answer.
        mode: Where the answer is: `query` or `fragment` of the address, or `form_post`.
        parameters: Content of the answer.
    """

    redirect_uri: str
    mode: str
    parameters: Mapping[str, str]

    @property
    def address(self) -> str:
        """The redirect URI with the answer added to its query, or as its fragment."""
        parts = urlsplit(self.redirect_uri)
        if self.mode == "fragment":
            return urlunsplit(parts._replace(fragment=urlencode(self.parameters)))
        query = "&".join(part for part in (parts.query, urlencode(self.parameters)) if part)
        return urlunsplit(parts._replace(query=query))
