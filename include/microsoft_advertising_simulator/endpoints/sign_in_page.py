"""The pages that people see in the browser when an application asks them to sign in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jinja2 import Environment

from microsoft_advertising_simulator.identity.authorization import OFFLINE, SCOPES, AuthorizationRequest
from microsoft_advertising_simulator.identity.oauth_errors import Answer, OAuthError

__all__ = ["consent_page", "native_client_page", "posting_page", "refusal_page"]

_ASKED_FOR: Final = {
    **dict.fromkeys(SCOPES, "manage your Microsoft Advertising accounts"),
    OFFLINE: "keep that access while you are away",
    "openid": "sign you in",
    "profile": "see your profile",
    "email": "see your e-mail address",
}


def consent_page(request: AuthorizationRequest, parameters: Mapping[str, str]) -> str:
    """Who asks for what, with one button to accept and one to decline; the form repeats the request."""
    asked = [_ASKED_FOR[scope] for scope in _ASKED_FOR if scope in request.scope.split()]
    return _CONSENT.render(
        name=request.application.name,
        client_id=request.application.client_id,
        asked=asked,
        redirect_uri=request.redirect_uri,
        parameters={key: value for key, value in parameters.items() if key != "decision"},
    )


def posting_page(answer: Answer) -> str:
    """A form that posts itself to the application."""
    return _POSTING.render(answer=answer)


def refusal_page(error: OAuthError) -> str:
    """Why the sign-in cannot go on, where the application cannot be told."""
    return _REFUSAL.render(error=error)


def native_client_page() -> str:
    """What applications without a server of their own send the browser to."""
    return _NATIVE_CLIENT.render()


_FRAME: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} - simulated sign-in</title>
<style>
 body {{ font: 15px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 30rem; padding: 0 1rem; }}
 small {{ opacity: .7; overflow-wrap: anywhere; }}
 button {{ font: inherit; padding: .4rem 1.4rem; margin-right: .6rem; }}
</style></head><body>
<p><small>A local stand-in of Microsoft's sign-in, not the real one.</small></p>
{body}
</body></html>
"""


_ENVIRONMENT: Final = Environment(autoescape=True)
_CONSENT: Final = _ENVIRONMENT.from_string(
    _FRAME.format(
        title="Permissions requested",
        body="""<h1>Permissions requested</h1>
<p>You are <strong>simulated.user</strong>. The application <strong>{{ name }}</strong> would like to</p>
<ul>{% for what in asked %}<li>{{ what }}</li>{% endfor %}</ul>
<form method="post">
{% for key, value in parameters.items() %}<input type="hidden" name="{{ key }}" value="{{ value }}">
{% endfor %}<button type="submit" name="decision" value="accept">Accept</button>
<button type="submit" name="decision" value="decline">Decline</button>
</form>
<p><small>Application {{ client_id }}; the answer goes to {{ redirect_uri }}</small></p>""",
    )
)
_POSTING: Final = _ENVIRONMENT.from_string(
    _FRAME.format(
        title="Back to the application",
        body="""<form method="post" action="{{ answer.redirect_uri }}">
{% for key, value in answer.parameters.items() %}<input type="hidden" name="{{ key }}" value="{{ value }}">
{% endfor %}<button type="submit">Back to the application</button>
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
<p>Copy the whole address of this page and paste it where the application asks for it.</p>""",
    )
)
