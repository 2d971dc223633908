"""A human's sign-in: authorization code flow with PKCE, from the address to open to the refresh token.

msal makes state, nonce and code verifier, and checks what comes back. Nothing here opens a browser or a port;
`sign_in_listener` receives the answer where a browser runs on the same machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from customer_match.errors import ConfigurationError
from microsoft_advertising.auth.authority import AuthorityHttp, application, at_host
from microsoft_advertising.auth.authority_errors import refusal
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import Origin

__all__ = ["SignIn", "native_client_page", "read_answer"]

NATIVE_CLIENT: Final = "https://login.microsoftonline.com/common/oauth2/nativeclient"
"""An empty page of Microsoft's for native applications to end on (documented: register page)."""

_ORIGIN: Final = Origin("signing in", "")


class SignIn:
    """One sign-in; use it in a `with` statement.

    Args:
        client_id: Application (client) id of the app registration.
        client_secret: Its secret; None for a public (native) registration.
        environment: Which authority and scope.
        redirect_uri: Where the browser is sent with the answer; registered for the application.
        posted: Whether the answer comes as a posted form, which leaves no code in the browser's history
            (advised by RFC 9700), rather than in the address, from which it can be copied.

    Raises:
        ConfigurationError: The authority describes itself wrongly.
        TransientError: The authority cannot be reached.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: SecretStr | None,
        environment: Environment,
        redirect_uri: str,
        *,
        posted: bool = False,
    ) -> None:
        self._environment = environment
        self._http = AuthorityHttp(environment, _ORIGIN)
        try:
            self._application = application(client_id, client_secret, environment, self._http)
            self._flow: dict[str, Any] = self._begin(redirect_uri, "form_post" if posted else "query")
        except (KeyError, ValueError) as error:
            self._http.close()
            raise ConfigurationError(
                f"{_ORIGIN}: the authority's description of itself is not as it should be "
                f"({type(error).__name__}). Check the environment, the base URL and the tenant."
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
        """What the answer repeats, and nobody else knows (RFC 6749, 10.12)."""
        return str(self._flow["state"])

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return at_host(str(self._flow["auth_uri"]), self._environment, _ORIGIN)

    def finish(self, answer: Mapping[str, str]) -> SecretStr:
        """Redeem the code.

        Args:
            answer: The query of the address that the browser was sent to, or the form that it posted.

        Returns:
            The refresh token.

        Raises:
            ConfigurationError: The user declined, the code is too old, the secret is wrong, …: what to do is said.
            TransientError: The authority cannot be reached, or has no time.
        """
        _check(answer, self.state)
        try:
            tokens: Mapping[str, Any] = self._application.acquire_token_by_auth_code_flow(
                self._flow, dict(answer)
            )
        except (KeyError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"{_ORIGIN}: the authority's answer is not as it should be ({type(error).__name__}). "
                "Sign in again; if this lasts, check the environment and the base URL."
            ) from None  # the cause repeats the answer
        if "access_token" not in tokens:
            raise refusal(tokens, _ORIGIN)
        if not tokens.get("refresh_token"):
            raise ConfigurationError(
                f"{_ORIGIN}: there is no refresh token in the answer. The application must be allowed "
                "`offline_access`: add it in Entra ID under API permissions, and sign in again."
            )
        return SecretStr(str(tokens["refresh_token"]))

    def _begin(self, redirect_uri: str, response_mode: str) -> dict[str, Any]:
        with warnings.catch_warnings():
            # msal warns of every other mode than form_post, from which nobody could copy.
            warnings.simplefilter("ignore", UserWarning)
            flow: dict[str, Any] = self._application.initiate_auth_code_flow(
                list(self._environment.scopes), redirect_uri=redirect_uri, response_mode=response_mode
            )
        return flow


def native_client_page(environment: Environment) -> str:
    """The redirect URI from which people copy the answer; a stand-in has its own."""
    return at_host(NATIVE_CLIENT, environment, _ORIGIN)


def read_answer(pasted: str) -> dict[str, str]:
    """The answer in an address that somebody copied.

    Args:
        pasted: The whole address, or its query; broken lines and quotes do not matter.

    Raises:
        ConfigurationError: There is no answer in it.
    """
    text = "".join(pasted.split()).strip("\"'<>")
    query = urlsplit(text).query if "://" in text else text.lstrip("?")
    answer = dict(parse_qsl(query))
    if not (answer.get("code") or answer.get("error")):
        raise ConfigurationError(
            f"{_ORIGIN}: this address holds no answer. Copy the whole address from the browser's address bar "
            "after you have accepted; it holds `code=`."
        )
    return answer


def _check(answer: Mapping[str, str], state: str) -> None:
    """Before msal does, whose words would show the answer."""
    if answer.get("state") != state:
        raise ConfigurationError(
            f"{_ORIGIN}: the answer belongs to another sign-in (its state differs). Open the newest address, "
            "and paste nothing that you did not get from it."
        )
    if answer.get("error"):
        raise refusal(answer, _ORIGIN)
