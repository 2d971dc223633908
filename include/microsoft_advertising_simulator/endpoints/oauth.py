"""The sign-in endpoints: the page for users, the token endpoint, and the discovery documents that msal needs."""

from __future__ import annotations

from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from microsoft_advertising_simulator.clock import iso
from microsoft_advertising_simulator.endpoints.answers import oauth_fault
from microsoft_advertising_simulator.endpoints.sign_in_page import (
    consent_page,
    native_client_page,
    posting_page,
    refusal_page,
)
from microsoft_advertising_simulator.identity.oauth_errors import Answer, OAuthError, RedirectedError
from microsoft_advertising_simulator.identity.service import TENANT_ID
from microsoft_advertising_simulator.service import Service

__all__ = ["oauth_routes"]

_HOST: Final = "https://login.microsoftonline.com"
"""Host in the documents: the real one, because msal refuses metadata without https. Clients replace it."""


def oauth_routes(service: Service) -> list[Route]:
    """Sign-in page, token, OpenID configuration (also with msal's double slash), instance discovery, keys."""

    async def authorize(request: Request) -> Response:
        form = await _form(request) if request.method == "POST" else {}
        parameters = {**request.query_params, **form}
        try:
            return await run_in_threadpool(
                _authorize, service, parameters, str(request.base_url), form.get("decision")
            )
        except RedirectedError as error:
            return _to_application(error.answer)
        except OAuthError as error:
            return HTMLResponse(refusal_page(error), 400)

    async def token(request: Request) -> Response:
        form = await _form(request)
        try:
            answer = await run_in_threadpool(service.identity.exchange, form, service.settings())
        except OAuthError as error:
            return oauth_fault(
                error.error,
                error.description,
                number=error.number,
                http_status=error.http_status,
                timestamp=iso(service.clock.now()),
            )
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    return [
        Route("/{tenant}/oauth2/v2.0/authorize", authorize, methods=["GET", "POST"], name="Authorize"),
        Route("/{tenant}/oauth2/nativeclient", _native_client, name="NativeClient"),
        Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"], name="Token"),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", _configuration, name="Discovery"),
        Route("/{tenant}//v2.0/.well-known/openid-configuration", _configuration, name="Discovery"),
        Route("/{tenant}/discovery/instance", _instance, name="Discovery"),
        Route("/{tenant}/discovery/v2.0/keys", _keys, name="Discovery"),
    ]


async def _form(request: Request) -> dict[str, str]:
    return {key: value for key, value in (await request.form()).items() if isinstance(value, str)}


def _authorize(service: Service, parameters: dict[str, str], base_url: str, decision: str | None) -> Response:
    """The page, or after the user's decision the answer to the application."""
    settings = service.settings()
    request = service.identity.read_request(parameters, settings, base_url)
    match decision:
        case "accept":
            return _to_application(service.identity.accept(request, settings))
        case "decline":
            return _to_application(request.decline())
        case _:
            return HTMLResponse(consent_page(request, parameters), headers={"Cache-Control": "no-store"})


def _to_application(answer: Answer) -> Response:
    """Send an answer through the browser: in the address of a redirect, or as a form that submits itself."""
    if answer.mode == "form_post":
        return HTMLResponse(posting_page(answer), headers={"Cache-Control": "no-store"})
    return RedirectResponse(answer.address, 302)


async def _native_client(_: Request) -> Response:
    return HTMLResponse(native_client_page(), headers={"Cache-Control": "no-store"})


async def _configuration(request: Request) -> Response:
    tenant = request.path_params["tenant"]
    base = f"{_HOST}/{tenant}"
    document: dict[str, Any] = {
        "issuer": f"{_HOST}/{TENANT_ID if tenant in ('common', 'consumers') else tenant}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "offline_access"],
    }
    return JSONResponse(document)


async def _instance(request: Request) -> Response:
    tenant = request.path_params["tenant"]
    return JSONResponse(
        {
            "tenant_discovery_endpoint": f"{_HOST}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [
                {
                    "preferred_network": "login.microsoftonline.com",
                    "preferred_cache": "login.windows.net",
                    "aliases": ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com"],
                }
            ],
        }
    )


async def _keys(_: Request) -> Response:
    return JSONResponse({"keys": []})  # no published key signs the id token
