"""What the sign-in face says: refusals of token requests and on the page, and answers to applications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

__all__ = ["Answer", "OAuthError", "SentBack"]


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
        answer: What the application is told.
    """

    def __init__(self, error: str, number: int, description: str, answer: Answer) -> None:
        super().__init__(error, number, description)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes to an application by way of the browser.

    Args:
        redirect_uri: Where to.
        form_post: Whether as a posted form rather than in the query.
        parameters: The answer.
    """

    redirect_uri: str
    form_post: bool
    parameters: Mapping[str, str]

    @property
    def address(self) -> str:
        """The redirect URI with the answer added to its query."""
        parts = urlsplit(self.redirect_uri)
        query = "&".join(part for part in (parts.query, urlencode(self.parameters)) if part)
        return urlunsplit(parts._replace(query=query))
