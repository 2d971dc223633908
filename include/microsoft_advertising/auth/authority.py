"""The authority that issues tokens, asked through msal."""

from __future__ import annotations

from typing import Any

import httpx
import msal
from pydantic import SecretStr

from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import Origin
from microsoft_advertising.hosts import address_of_authority
from microsoft_advertising.wire import exchange, fault_of, json_of, open_http

__all__ = ["AuthorityHttp", "application", "at_host"]


def application(
    client_id: str, client_secret: SecretStr | None, environment: Environment, http: AuthorityHttp
) -> Any:
    """An application of msal for a registration: confidential with a secret, public without.

    Asks the authority to describe itself. msal keeps refusals in the application's memory: after one, only a
    new application asks again.

    Raises:
        KeyError, ValueError: The authority describes itself wrongly.
        ServiceTransientError: It cannot be reached now.
    """
    options = {"authority": environment.authority, "http_client": http}
    if client_secret is None:
        return msal.PublicClientApplication(client_id, **options)
    secret = client_secret.get_secret_value()
    return msal.ConfidentialClientApplication(client_id, client_credential=secret, **options)


def at_host(url: str, environment: Environment, origin: Origin) -> str:
    """The address of the authority that requests and browsers really go to: a stand-in's, if there is one.

    Raises:
        ForeignHost: There is none, and it is not the authority's.
    """
    if environment.token_host is None:
        return str(address_of_authority(url, environment, origin))
    return environment.token_host.rstrip("/") + httpx.URL(url).raw_path.decode("ascii")


class AuthorityHttp:
    """What msal sends its requests with: httpx, set up as everywhere, and for a stand-in sent to its host.

    Answers that are no JSON are kept from msal, which would log them whole.
    """

    def __init__(self, environment: Environment, origin: Origin) -> None:
        self._client = open_http(environment)
        self._environment = environment
        self._origin = origin

    def get(self, url: str, **options: Any) -> httpx.Response:
        """Part of what msal asks of an HTTP client."""
        return self._send("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        """Part of what msal asks of an HTTP client."""
        return self._send("POST", url, **options)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        with exchange(self._origin):
            address = at_host(url, self._environment, self._origin)
            response = self._client.request(method, address, **options)
        overloaded = response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS
        if overloaded or json_of(response) is None:
            raise fault_of(response, self._origin)
        return response
