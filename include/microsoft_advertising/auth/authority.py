"""Requests to the authority that issues tokens, through msal."""

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
    """Create msal's application object for a registration: confidential with a secret, public without.

    Requests the authority's metadata. msal caches refusals in the application object: after a refusal, only a new
    object sends another request.

    Raises:
        KeyError, ValueError: The authority's metadata is not valid.
        ServiceTransientError: The authority cannot be reached now.
    """
    options = {"authority": environment.authority, "http_client": http}
    if client_secret is None:
        return msal.PublicClientApplication(client_id, **options)
    secret = client_secret.get_secret_value()
    return msal.ConfidentialClientApplication(client_id, client_credential=secret, **options)


def at_host(url: str, environment: Environment, origin: Origin) -> str:
    """The address to use for a URL of the authority: on the environment's `token_host`, if it has one.

    Raises:
        ForeignHost: It has none, and the URL is not on the authority's host.
    """
    if environment.token_host is None:
        return str(address_of_authority(url, environment, origin))
    return environment.token_host.rstrip("/") + httpx.URL(url).raw_path.decode("ascii")


class AuthorityHttp:
    """HTTP client for msal: httpx with our settings, and with the `token_host` of a simulator.

    Answers other than JSON are not passed to msal, which would log them in full.
    """

    def __init__(self, environment: Environment, origin: Origin) -> None:
        self._client = open_http(environment)
        self._environment = environment
        self._origin = origin

    def get(self, url: str, **options: Any) -> httpx.Response:
        """Send a request (interface of msal)."""
        return self._send("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        """Send a request (interface of msal)."""
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
