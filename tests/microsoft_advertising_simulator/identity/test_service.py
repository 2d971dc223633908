"""Tokens: with plain requests and with an unmodified msal."""

from __future__ import annotations

from typing import Any

import httpx
import msal
import pytest

from tests.microsoft_advertising_simulator.api import Api, numbers

SCOPE = "https://ads.microsoft.com/msads.manage"


@pytest.mark.behaviour("sign-in.access-token-lifetime", "sign-in.rotation")
def test_refresh_gives_new_tokens_and_keeps_the_old_refresh_token(api: Api) -> None:
    first, second = api.sign_in(), api.sign_in()
    assert first["token_type"] == "Bearer"
    assert first["expires_in"] == 3599
    assert first["refresh_token"] != second["refresh_token"]
    assert api.sign_in(refresh_token=first["refresh_token"])["access_token"]


@pytest.mark.behaviour(
    "sign-in.invalid-grant", "sign-in.scope", "sign-in.unknown-client", "sign-in.wrong-secret"
)
@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"refresh_token": "nonsense"}, 400, "invalid_grant", 70000),
        ({"client_id": "nonsense"}, 400, "unauthorized_client", 700016),
        ({"client_secret": "nonsense"}, 401, "invalid_client", 7000215),
        ({"client_secret": "näin"}, 401, "invalid_client", 7000215),
        ({"scope": "https://ads.microsoft.com/ads.manage"}, 400, "invalid_grant", 70000),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_refused_token_requests(
    api: Api, changes: dict[str, str], status: int, error: str, number: int
) -> None:
    answer = api.token_request(**changes)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["error_codes"] == [number]
    assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")
    assert "nonsense" not in answer.text


@pytest.mark.behaviour("sign-in.unknown-fields")
def test_unknown_form_fields_are_ignored(api: Api) -> None:
    assert api.sign_in(environment="production", oauth_scope="MSADS_MANAGE", tenant="common")
    form = {key: api.ready[key] for key in ("client_id", "client_secret", "refresh_token")}
    answer = api.http.post("/common/oauth2/v2.0/token", data=form | {"grant_type": "refresh_token"})
    assert answer.json()["scope"] == SCOPE


@pytest.mark.behaviour("sign-in.any-tenant")
@pytest.mark.parametrize("tenant", ["consumers", "organizations", "9188040d-6c67-4c5b-b112-36a304b66dad"])
def test_any_tenant_signs_in(api: Api, tenant: str) -> None:
    form = {key: api.ready[key] for key in ("client_id", "client_secret", "refresh_token")}
    answer = api.http.post(f"/{tenant}/oauth2/v2.0/token", data=form | {"grant_type": "refresh_token"})
    assert answer.status_code == 200
    assert answer.json()["access_token"]


@pytest.mark.behaviour("sign-in.discovery")
def test_discovery_names_the_real_host(api: Api) -> None:
    document = api.http.get("/common/v2.0/.well-known/openid-configuration").json()
    for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert document[name].startswith("https://login.microsoftonline.com/")


@pytest.mark.behaviour("sign-in.access-token-lifetime", "calls.expired-token")
def test_tokens_expire_by_the_clock(api: Api) -> None:
    api.control("clock", {"advance_seconds": 3590})
    assert api.call("/CustomerManagement/v13/User/Query", {"UserId": None}).status_code == 200
    api.control("clock", {"advance_seconds": 10})
    answer = api.call("/CustomerManagement/v13/User/Query", {"UserId": None})
    assert answer.status_code == 401
    assert numbers(answer) == [109]
    assert answer.json()["Type"] == "AdApiFaultDetail"


@pytest.mark.behaviour("sign-in.invalid-grant")
def test_controls_for_tokens(api: Api) -> None:
    api.control("tokens", {"expire_access": True})
    assert numbers(api.campaign("Audiences/QueryByIds", {"Type": "CustomerList"})) == [109]
    api.token = api.sign_in()["access_token"]
    assert api.campaign("Audiences/QueryByIds", {"Type": "CustomerList"}).status_code == 200
    fresh = api.control("tokens", {"revoke_refresh": True, "issue_refresh": True})["refresh_token"]
    refused = api.token_request().json()
    assert (refused["error"], refused["error_codes"]) == ("invalid_grant", [50173])
    api.ready["refresh_token"] = fresh
    assert api.sign_in()


@pytest.mark.behaviour("sign-in.strict-rotation")
def test_strict_rotation_accepts_a_refresh_token_once(api: Api) -> None:
    first = api.sign_in()["refresh_token"]
    api.control("tokens", {"strict_rotation": True})
    second = api.sign_in(refresh_token=first)["refresh_token"]
    assert api.token_request(refresh_token=first).json()["error"] == "invalid_grant"
    assert api.sign_in(refresh_token=second)


class _Redirected:
    """msal's http_client: the real host in every URL is replaced by the simulator."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._http = httpx.Client(trust_env=False)

    def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        wanted = {key: options[key] for key in ("params", "data", "headers") if options.get(key)}
        target = url.replace("https://login.microsoftonline.com", self._base_url)
        return self._http.request(method, target, **wanted)

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self._send("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self._send("POST", url, **options)

    def close(self) -> None:
        self._http.close()


@pytest.mark.behaviour("sign-in.discovery")
@pytest.mark.parametrize("authority", [None, "https://login.microsoftonline.com/common"])
def test_msal_signs_in_and_renews_silently(api: Api, authority: str | None) -> None:
    client = _Redirected(api.ready["base_url"])
    app = msal.ConfidentialClientApplication(
        api.ready["client_id"],
        client_credential=api.ready["client_secret"],
        authority=authority,
        http_client=client,
    )
    first = app.acquire_token_by_refresh_token(api.ready["refresh_token"], [SCOPE])
    assert "access_token" in first, first
    [account] = app.get_accounts()
    assert account["username"] == "simulated.user"
    silent = app.acquire_token_silent([SCOPE], account)
    assert silent["access_token"] == first["access_token"]
    renewed = app.acquire_token_silent([SCOPE], account, force_refresh=True)
    assert renewed["access_token"] != first["access_token"]
    client.close()
