"""Interactive sign-in: authorization code flow with PKCE, from the address to open to the refresh token.

msal creates state, nonce and code verifier, and checks the answer. This module opens no browser and no port;
`redirect_listener` receives the answer if a browser runs on the same machine. A sign-in that another process finishes,
such as one of several web servers, is passed on as its `flow`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from customer_match.errors import ConfigurationError
from microsoft_advertising.auth.authority import AuthorityHttp, application, at_host
from microsoft_advertising.auth.authority_errors import refusal
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import Origin

__all__ = ["AnswerMode", "SignIn", "native_client_page", "read_answer"]

NATIVE_CLIENT: Final = "https://login.microsoftonline.com/common/oauth2/nativeclient"
"""Microsoft's empty redirect page for native applications (documented: register page)."""

_ORIGIN: Final = Origin("signing in", "")


class AnswerMode(StrEnum):
    """How the browser brings the answer (documented: authorization code flow, `response_mode`)."""

    QUERY = "query"
    """In the address, from which it can be copied."""
    FORM = "form_post"
    """As a posted form, which leaves no code in the browser's history (recommended by RFC 9700)."""
    FRAGMENT = "fragment"
    """Behind the `#` of the address, which browsers send to no server, so that no server logs the code."""


class SignIn:
    """One sign-in; use it in a `with` statement.

    Args:
        client_id: Application (client) id of the app registration.
        client_secret: The registration's secret; None for a public (native) registration.
        environment: The authority and the scope.
        redirect_uri: The address that the browser is sent to with the answer; registered for the application.
        mode: How it brings the answer.
        flow: The `flow` of a sign-in to finish here; None: start a new one.

    Raises:
        ConfigurationError: The authority's metadata is not valid.
        TransientError: The authority cannot be reached.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: SecretStr | None,
        environment: Environment,
        redirect_uri: str,
        *,
        mode: AnswerMode = AnswerMode.QUERY,
        flow: Mapping[str, Any] | None = None,
    ) -> None:
        self._environment = environment
        self._http = AuthorityHttp(environment, _ORIGIN)
        try:
            self._application = application(client_id, client_secret, environment, self._http)
            self._flow: dict[str, Any] = dict(flow) if flow else self._start_flow(redirect_uri, mode)
        except (KeyError, ValueError) as error:
            self._http.close()
            raise ConfigurationError(
                f"{_ORIGIN}: the authority's metadata is not valid ({type(error).__name__}). Check the environment, "
                "the base URL and the tenant."
            ) from None  # the cause repeats the answer
        except BaseException:
            self._http.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def state(self) -> str:
        """The secret state of this sign-in, which the answer must repeat (RFC 6749, 10.12)."""
        return str(self._flow["state"])

    @property
    def flow(self) -> Mapping[str, Any]:
        """What finishes this sign-in elsewhere: values for JSON, among them the secret code verifier."""
        return dict(self._flow)

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        return at_host(str(self._flow["auth_uri"]), self._environment, _ORIGIN)

    def finish(self, answer: Mapping[str, str]) -> SecretStr:
        """Redeem the authorization code.

        Args:
            answer: The query or the fragment of the redirect address, or the posted form.

        Returns:
            The refresh token.

        Raises:
            ConfigurationError: For example: the user declined, the code has expired, or the secret is wrong. The
                message says what to do.
            TransientError: The authority cannot be reached, or is overloaded.
        """
        _check(answer, self.state)
        try:
            tokens: Mapping[str, Any] = self._application.acquire_token_by_auth_code_flow(
                self._flow, dict(answer)
            )
        except (KeyError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"{_ORIGIN}: the authority's answer is not valid ({type(error).__name__}). Sign in again. If this "
                "persists, check the environment and the base URL."
            ) from None  # the cause repeats the answer
        if "access_token" not in tokens:
            raise refusal(tokens, _ORIGIN)
        if not tokens.get("refresh_token"):
            raise ConfigurationError(
                f"{_ORIGIN}: the answer contains no refresh token. The application needs the permission "
                "`offline_access`: add it in Entra ID under API permissions, and sign in again."
            )
        return SecretStr(str(tokens["refresh_token"]))

    def _start_flow(self, redirect_uri: str, mode: AnswerMode) -> dict[str, Any]:
        with warnings.catch_warnings():
            # msal warns about every mode except form_post: users copy an answer from an address, and servers do not
            # log a fragment.
            warnings.simplefilter("ignore", UserWarning)
            flow: dict[str, Any] = self._application.initiate_auth_code_flow(
                list(self._environment.scopes), redirect_uri=redirect_uri, response_mode=mode.value
            )
        return flow


def native_client_page(environment: Environment) -> str:
    """The redirect URI from which users copy the answer; a simulator has its own."""
    return at_host(NATIVE_CLIENT, environment, _ORIGIN)


def read_answer(pasted: str) -> dict[str, str]:
    """Read the answer from an address that a user copied.

    Args:
        pasted: The whole address, or its query; line breaks and quotes are ignored.

    Raises:
        ConfigurationError: The address contains no answer.
    """
    text = "".join(pasted.split()).strip("\"'<>")
    query = urlsplit(text).query if "://" in text else text.lstrip("?")
    answer = dict(parse_qsl(query))
    if not (answer.get("code") or answer.get("error")):
        raise ConfigurationError(
            f"{_ORIGIN}: this address contains no answer. Copy the whole address from the browser's address bar "
            "after you have accepted; it contains `code=`."
        )
    return answer


def _check(answer: Mapping[str, str], state: str) -> None:
    """Check the answer before msal does, whose messages would show it."""
    if answer.get("state") != state:
        raise ConfigurationError(
            f"{_ORIGIN}: the answer belongs to another sign-in (its state differs). Open the newest address, "
            "and paste only the answer that it leads to."
        )
    if answer.get("error"):
        raise refusal(answer, _ORIGIN)
