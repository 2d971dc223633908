"""Errors of the authority that issues tokens, as one table: what each means and what to do.

Codes are from Entra's page of error codes (documented) unless marked. The authority's own messages can name the user,
so only their codes are used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from customer_match.errors import ConfigurationError
from microsoft_advertising.faults import Origin, ServiceTransientError, safe_token

__all__ = ["ADVICE", "DOUBTFUL_SECONDS", "SIGN_IN_AGAIN", "is_doubtful", "refusal"]

MSAL_CACHE_SECONDS: Final = 60
"""msal answers from its cache for this long after a refusal with HTTP 400 (observed), so an earlier retry is
useless."""

SIGN_IN_AGAIN: Final = frozenset(
    {"invalid_grant", "interaction_required", "consent_required", "login_required"}
)
"""OAuth errors that a new sign-in resolves, unless a code says otherwise."""

DOUBTFUL: Final = 70000
"""The code that a valid refresh token sometimes gets ("The same refresh token some times works, some times not":
BingAds-Python-SDK #279, observed), and an invalid one always gets (documented as an invalid grant). A further code
from `ADVICE` shows that the token is invalid."""

DOUBTFUL_SECONDS: Final = 60.0
"""Wait before a token is tried once more and then considered invalid (ours)."""

_TRANSIENT: Final = frozenset({"temporarily_unavailable", "server_error", "slow_down"})

_AGAIN: Final = "Sign in again (`customer-match login`)"

ADVICE: Final[Mapping[int, str]] = MappingProxyType(
    {
        50011: "the redirect URI is not registered for the application. Add it in Entra ID under App "
        "registrations > Authentication, or name a registered one with `--redirect-uri`.",
        50020: "the user does not belong to the given tenant. Sign in as another user, or leave out `--tenant`.",
        50034: "the user does not belong to the given tenant. Sign in as another user, or leave out `--tenant`.",
        50053: "the user is locked after too many wrong sign-ins. Wait, or let an administrator unlock them, then "
        "sign in again (`customer-match login`).",
        50055: f"the user's password has expired. Set a new one. {_AGAIN}.",
        50057: "the user is disabled. Ask an administrator to enable them, or sign in as another user.",
        50074: f"the user must confirm with a second factor. {_AGAIN}.",
        50076: f"the user must confirm with a second factor. {_AGAIN}.",
        50078: f"the second factor has expired. {_AGAIN}.",
        50079: f"the user must set up a second factor. {_AGAIN} and follow the instructions on the page.",
        50105: "the user is not assigned to the application. Assign them in Entra ID under Enterprise "
        "applications > Users and groups.",
        50173: f"the sign-in was revoked, for instance because the password was changed. {_AGAIN}.",
        50194: "the application accepts one tenant only. Give that tenant with `--tenant`, or register the "
        "application for accounts in any directory and personal accounts.",
        500011: "Microsoft Advertising is not known in the organisation's directory. Ask an administrator to consent "
        "to it.",
        501481: f"the code belongs to another sign-in. {_AGAIN} and use the newest address only.",
        53000: "the organisation requires a managed device. Ask an administrator to exempt this user, or sign in from "
        "such a device.",
        53003: "the organisation's Conditional Access policies refuse this sign-in. Ask an administrator to "
        "allow it for this user and this machine.",
        54005: f"the code was used before. {_AGAIN}.",
        65001: f"the application has no consent. {_AGAIN} and accept.",
        65004: f"the user declined. {_AGAIN} and accept.",
        650052: "the organisation has not enabled Microsoft Advertising for applications. Ask an administrator "
        "to consent to the application.",
        700016: "the application is unknown. Check the client id, and that the application is registered for "
        "accounts in any directory and personal accounts.",
        7000112: "the application is disabled. Enable it in Entra ID, or register another.",
        70001: "the application is disabled. Enable it in Entra ID, or register another.",
        70008: f"the code or refresh token has expired. {_AGAIN}; a code is valid for about five minutes.",
        700082: f"the refresh token was not used for too long. {_AGAIN}.",
        70011: "the scope is unknown to the application. Check the environment: production and sandbox have different "
        "scopes.",
        70043: f"the organisation requires a new sign-in from time to time. {_AGAIN}.",
        700025: "the application is a public (native) client, which has no secret. Leave the secret out: `--public`.",
        7000215: "the client secret is wrong. Check that it is the secret's value, not its id; Entra ID shows both "
        "under Certificates & secrets.",
        7000218: "the application is a web client and needs its client secret. Give it, or allow public client "
        "flows in Entra ID under App registrations > Authentication and use `--public`.",
        7000222: "the client secret has expired. Create a new one in Entra ID under Certificates & secrets.",
        90002: "there is no such tenant. Correct or leave out `--tenant`.",
        # Many reports show the number; the sentence is on the service's get-tokens page.
        90023: "public (native) applications, and tokens obtained without a secret, must not use a client secret. "
        "Leave it out: `--public`.",
        90094: "an administrator must consent to the application. Ask an administrator to do so.",
    }
)


def refusal(answer: Mapping[str, Any], origin: Origin) -> Exception:
    """The exception for an answer without a token.

    Args:
        answer: With `error` and usually `error_description`, from msal or from a redirect.
        origin: For the message.

    Returns:
        ServiceTransientError if a retry may help, else ConfigurationError that says what to do.
    """
    name = safe_token(answer.get("error")) or "unknown_error"
    numbers = _numbers(answer)
    codes = " ".join(f"AADSTS{number}" for number in numbers)
    what = f"{origin}: {name}{f' ({codes})' if codes else ''}"
    if name in _TRANSIENT:
        return ServiceTransientError(what, retry_after=MSAL_CACHE_SECONDS, undone=True)
    return ConfigurationError(f"{what}: {_advice(name, numbers)}")


def is_doubtful(answer: Mapping[str, Any]) -> bool:
    """Whether a refusal of a refresh token may be temporary, because no code gives a reason."""
    numbers = _numbers(answer)
    return (
        answer.get("error") == "invalid_grant" and DOUBTFUL in numbers and ADVICE.keys().isdisjoint(numbers)
    )


def _advice(name: str, numbers: tuple[int, ...]) -> str:
    for number in numbers:
        if number in ADVICE:
            return ADVICE[number]
    if name == "access_denied":
        return ADVICE[65004]
    if name in SIGN_IN_AGAIN:
        return (
            "the refresh token or code is not valid (any more): expired, revoked, issued for another client or scope "
            f"(production and sandbox differ), or the password was changed. {_AGAIN}."
        )
    return "refused. Check the client id, client secret and app registration (public clients have no secret)."


def _numbers(answer: Mapping[str, Any]) -> tuple[int, ...]:
    """The AADSTS codes: the description usually names one, and `error_codes` lists all."""
    found = re.findall(r"AADSTS([0-9]{4,9})", str(answer.get("error_description") or ""))
    listed = answer.get("error_codes")
    more = [code for code in listed if type(code) is int] if isinstance(listed, list) else []
    return tuple(dict.fromkeys([*map(int, found), *more]))
