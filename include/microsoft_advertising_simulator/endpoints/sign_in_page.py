"""The pages that users see in the browser during a sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jinja2 import Environment

from microsoft_advertising_simulator.identity.authorization import OFFLINE, SCOPES, AuthorizationRequest
from microsoft_advertising_simulator.identity.oauth_errors import Answer, OAuthError

__all__ = ["consent_page", "native_client_page", "posting_page", "refusal_page"]

_PERMISSIONS: Final = {
    **dict.fromkeys(SCOPES, "manage your Microsoft Advertising accounts"),
    OFFLINE: "maintain access to data you have given it access to",
    "openid": "sign you in",
    "profile": "see your profile",
    "email": "see your e-mail address",
}


def consent_page(request: AuthorizationRequest, parameters: Mapping[str, str]) -> str:
    """The application and its permissions, with buttons to accept and to decline. The form repeats the request."""
    permissions = [_PERMISSIONS[scope] for scope in _PERMISSIONS if scope in request.scope.split()]
    return _CONSENT.render(
        name=request.application.name,
        client_id=request.application.client_id,
        permissions=permissions,
        redirect_uri=request.redirect_uri,
        parameters={key: value for key, value in parameters.items() if key != "decision"},
    )


def posting_page(answer: Answer) -> str:
    """A form that submits itself to the application."""
    return _POSTING.render(answer=answer)


def refusal_page(error: OAuthError) -> str:
    """Why the sign-in cannot continue, if the answer cannot be sent to the application."""
    return _REFUSAL.render(error=error)


def native_client_page() -> str:
    """The redirect page for applications without their own server."""
    return _NATIVE_CLIENT.render()


_FRAME: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} - simulated sign-in</title>
<style>
 body {{ font: 15px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 30rem; padding: 0 1rem; }}
 small {{ opacity: .7; overflow-wrap: anywhere; }}
 button {{ font: inherit; padding: .4rem 1.4rem; margin-right: .6rem; }}
</style></head><body>
<p><small>A local simulation of Microsoft's sign-in, not the real one.</small></p>
{body}
</body></html>
"""


_ENVIRONMENT: Final = Environment(autoescape=True)
_CONSENT: Final = _ENVIRONMENT.from_string(
    _FRAME.format(
        title="Permissions requested",
        body="""<h1>Permissions requested</h1>
<p>You are signed in as <strong>simulated.user</strong>.
The application <strong>{{ name }}</strong> requests permission to</p>
<ul>{% for permission in permissions %}<li>{{ permission }}</li>{% endfor %}</ul>
<form method="post">
{% for key, value in parameters.items() %}<input type="hidden" name="{{ key }}" value="{{ value }}">
{% endfor %}<button type="submit" name="decision" value="accept">Accept</button>
<button type="submit" name="decision" value="decline">Decline</button>
</form>
<p><small>Application {{ client_id }}; the answer is sent to {{ redirect_uri }}</small></p>""",
    )
)
_POSTING: Final = _ENVIRONMENT.from_string(
    _FRAME.format(
        title="Return to the application",
        body="""<form method="post" action="{{ answer.redirect_uri }}">
{% for key, value in answer.parameters.items() %}<input type="hidden" name="{{ key }}" value="{{ value }}">
{% endfor %}<button type="submit">Return to the application</button>
</form>
<script>document.forms[0].submit()</script>""",
    )
)
_REFUSAL: Final = _ENVIRONMENT.from_string(
    _FRAME.format(
        title="Sign-in refused",
        body="""<h1>We cannot sign you in</h1>
<p>AADSTS{{ error.number }}: {{ error.description }}</p>""",
    )
)
_NATIVE_CLIENT: Final = _ENVIRONMENT.from_string(
    _FRAME.format(
        title="Copy the address",
        body="""<h1>Almost done</h1>
<p>Copy the whole address of this page and paste it into the application.</p>""",
    )
)
