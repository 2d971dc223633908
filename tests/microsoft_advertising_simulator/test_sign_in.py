"""The authorization code flow: the page, the code, and what each registration may and must send."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from microsoft_advertising_simulator.identity.applications import NATIVE_CLIENT, Application
from microsoft_advertising_simulator.identity.service import Identity
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage
from tests.microsoft_advertising_simulator.api import Api

PATH = "/common/oauth2/v2.0/authorize"
SCOPE = "https://ads.microsoft.com/msads.manage offline_access openid profile"
LOCAL = "http://localhost:5001"
VERIFIER = "v" * 60
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def asked(api: Api, *, public: bool = False, **changes: str | None) -> dict[str, str]:
    parameters: dict[str, str | None] = {
        "client_id": api.ready["public_client_id" if public else "client_id"],
        "response_type": "code",
        "redirect_uri": LOCAL,
        "scope": SCOPE,
        "state": "some state &",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {key: value for key, value in parameters.items() if value is not None}


def press(api: Api, button: str, parameters: dict[str, str]) -> httpx.URL:
    """Open the page, press a button; where the browser is sent."""
    page = api.http.get(PATH, params=parameters)
    assert page.status_code == 200, page.text
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    form = {key: html.unescape(value) for key, value in hidden} | {"decision": button}
    answer = api.http.post(PATH, data=form)
    assert answer.status_code == 302
    return httpx.URL(answer.headers["Location"])


def code_of(api: Api, **options: Any) -> str:
    return press(api, "accept", asked(api, **options)).params["code"]


def redeem(api: Api, code: str, /, *, public: bool = False, **changes: str | None) -> httpx.Response:
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "client_id": api.ready["public_client_id" if public else "client_id"],
        "client_secret": None if public else api.ready["client_secret"],
        "code": code,
        "redirect_uri": LOCAL,
        "code_verifier": VERIFIER,
        **changes,
    }
    return api.http.post(
        "/common/oauth2/v2.0/token", data={key: value for key, value in form.items() if value is not None}
    )


def refused(answer: httpx.Response) -> tuple[int, str, int]:
    return answer.status_code, answer.json()["error"], answer.json()["error_codes"][0]


# --- The page ----------------------------------------------------------------------------------------------


@pytest.mark.behaviour("sign-in.page")
def test_the_page_shows_the_application_and_its_permissions(api: Api) -> None:
    page = api.http.get(PATH, params=asked(api))
    assert "Sample web application" in page.text
    assert "manage your Microsoft Advertising accounts" in page.text
    assert "maintain access to data you have given it access to" in page.text
    assert LOCAL in page.text
    native = api.http.get(
        PATH, params=asked(api, public=True, scope="https://ads.microsoft.com/msads.manage")
    )
    assert "Sample native application" in native.text
    assert "keep that access" not in native.text


def test_request_values_cannot_inject_markup_into_the_page(api: Api) -> None:
    page = api.http.get(PATH, params=asked(api, state='"><script>alert(1)</script>'))
    assert "<script>" not in page.text


@pytest.mark.behaviour("sign-in.accepted")
def test_accepting_sends_code_and_state_back(api: Api) -> None:
    address = press(api, "accept", asked(api, redirect_uri=f"{LOCAL}/"))
    assert str(address).startswith(f"{LOCAL}/?")
    assert address.params["state"] == "some state &"
    assert set(parse_qs(urlsplit(str(address)).query)) == {"code", "state"}


def posted(page: httpx.Response) -> tuple[str, dict[str, str]]:
    """Where a page's form goes, and what it holds."""
    [action] = re.findall(r'<form method="post" action="([^"]+)">', page.text)
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    return html.unescape(action), {key: html.unescape(value) for key, value in fields}


@pytest.mark.behaviour("sign-in.form-post")
def test_an_answer_may_be_posted(api: Api) -> None:
    parameters = asked(api, response_mode="form_post")
    for button, keys in (("accept", {"code", "state"}), ("decline", {"error", "error_description", "state"})):
        page = api.http.post(PATH, data=parameters | {"decision": button})
        assert page.status_code == 200
        action, fields = posted(page)
        assert action == LOCAL
        assert set(fields) == keys
        assert fields["state"] == "some state &"
    code = posted(api.http.post(PATH, data=parameters | {"decision": "accept"}))[1]["code"]
    assert redeem(api, code).status_code == 200
    _, refusal = posted(api.http.get(PATH, params=asked(api, response_mode="form_post", scope="x")))
    assert refusal["error"] == "invalid_scope"


@pytest.mark.behaviour("sign-in.fragment")
def test_an_answer_may_be_in_the_fragment(api: Api) -> None:
    address = press(api, "accept", asked(api, response_mode="fragment"))
    assert str(address).startswith(f"{LOCAL}#")
    assert address.query == b""
    answer = dict(parse_qsl(address.fragment))
    assert set(answer) == {"code", "state"}
    assert redeem(api, answer["code"]).status_code == 200
    declined = press(api, "decline", asked(api, response_mode="fragment"))
    assert dict(parse_qsl(declined.fragment))["error"] == "access_denied"


@pytest.mark.behaviour("sign-in.declined")
def test_declining_sends_an_error_back(api: Api) -> None:
    address = press(api, "decline", asked(api))
    assert address.params["error"] == "access_denied"
    assert address.params["error_description"].startswith("AADSTS65004")
    assert address.params["state"] == "some state &"
    assert "code" not in address.params


def test_a_link_alone_accepts_nothing(api: Api) -> None:
    assert api.http.get(PATH, params=asked(api) | {"decision": "accept"}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"client_id": "nonsense"}, 700016),
        ({"redirect_uri": "https://attacker.example/"}, 50011),
        ({"redirect_uri": "http://localhost.attacker.example/"}, 50011),
        ({"redirect_uri": "http://localhost:99999"}, 50011),
        ({"redirect_uri": "https://localhost:5001"}, 50011),
        ({"redirect_uri": "http://127.0.0.1:5001"}, 50011),
        ({"redirect_uri": f"{LOCAL}/other"}, 50011),
        ({"redirect_uri": NATIVE_CLIENT}, 50011),
        ({"redirect_uri": None}, 50011),
    ],
)
@pytest.mark.behaviour("sign-in.unknown-redirect", "sign-in.localhost")
def test_unknown_applications_get_a_page_and_no_redirect(
    api: Api, changes: dict[str, str | None], number: int
) -> None:
    for method in ("GET", "POST"):
        parameters = asked(api, **changes) | {"decision": "accept"}
        sent = {"data": parameters} if method == "POST" else {"params": parameters}
        answer = api.http.request(method, PATH, **sent)  # type: ignore[arg-type]  # httpx's many kinds of it
        assert answer.status_code == 400
        assert f"AADSTS{number}" in answer.text


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"scope": "https://graph.microsoft.com/mail.read"}, "invalid_scope", 70011),
        ({"scope": f"{SCOPE} https://graph.microsoft.com/mail.read"}, "invalid_scope", 70011),
        ({"scope": None}, "invalid_scope", 70011),
        ({"response_type": "token"}, "unsupported_response_type", 70005),
        ({"response_mode": "web_message"}, "invalid_request", 70007),
        ({"code_challenge_method": "S512"}, "invalid_request", 501491),
        ({"code_challenge": "short"}, "invalid_request", 501491),
    ],
)
@pytest.mark.behaviour("sign-in.foreign-scope", "sign-in.response-type")
def test_other_mistakes_are_sent_to_the_application(
    api: Api, changes: dict[str, str | None], error: str, number: int
) -> None:
    answer = api.http.get(PATH, params=asked(api, **changes))
    assert answer.status_code == 302
    address = httpx.URL(answer.headers["Location"])
    assert (address.host, address.params["error"], address.params["state"]) == (
        "localhost",
        error,
        "some state &",
    )
    assert address.params["error_description"].startswith(f"AADSTS{number}: ")


def test_registered_redirect_uris_of_the_web_application(api: Api) -> None:
    api.control("settings", {"web_redirect_uris": ["https://app.example/back?x=1"]})
    address = press(api, "accept", asked(api, redirect_uri="https://app.example/back?x=1"))
    assert address.host == "app.example"
    assert (address.params["x"], bool(address.params["code"])) == ("1", True)
    assert api.http.get(PATH, params=asked(api)).status_code == 400


@pytest.mark.behaviour("sign-in.nativeclient")
def test_the_page_for_copying(api: Api) -> None:
    for page in (NATIVE_CLIENT, f"{api.ready['base_url']}/common/oauth2/nativeclient"):
        code = code_of(api, public=True, redirect_uri=page)
        assert redeem(api, code, public=True, redirect_uri=page).status_code == 200
    assert "Copy the whole address" in api.http.get("/common/oauth2/nativeclient?code=x").text


# --- The code ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("public", [False, True])
def test_a_code_becomes_tokens_that_work(api: Api, public: bool) -> None:
    answer = redeem(api, code_of(api, public=public), public=public, client_info="1")
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert tokens["scope"] == "https://ads.microsoft.com/msads.manage"
    assert tokens["client_info"]
    api.token = tokens["access_token"]
    assert api.call("/CustomerManagement/v13/User/Query", {"UserId": None}).status_code == 200
    changes = {"client_id": api.ready["public_client_id"]} if public else {}
    form = {"refresh_token": tokens["refresh_token"], **changes}
    if public:
        secretless = {"grant_type": "refresh_token", **form}
        assert api.http.post("/common/oauth2/v2.0/token", data=secretless).status_code == 200
    else:
        assert api.sign_in(**form)


@pytest.mark.behaviour("sign-in.code-once")
def test_a_code_works_once(api: Api) -> None:
    code = code_of(api)
    assert redeem(api, code).status_code == 200
    assert refused(redeem(api, code)) == (400, "invalid_grant", 54005)


@pytest.mark.behaviour("sign-in.code-life")
def test_a_code_expires_after_minutes(api: Api) -> None:
    code, late = code_of(api), code_of(api)
    api.control("clock", {"advance_seconds": 290})
    assert redeem(api, code).status_code == 200
    api.control("clock", {"advance_seconds": 11})
    assert refused(redeem(api, late)) == (400, "invalid_grant", 70008)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"code": "nonsense"}, (400, "invalid_grant", 70000)),
        ({"code_verifier": "w" * 60}, (400, "invalid_grant", 501481)),
        ({"code_verifier": None}, (400, "invalid_grant", 501481)),
        ({"redirect_uri": "http://localhost:5002"}, (400, "invalid_client", 50011)),
        ({"redirect_uri": None}, (400, "invalid_client", 50011)),
        ({"client_secret": "nonsense"}, (401, "invalid_client", 7000215)),
        ({"client_secret": None}, (401, "invalid_client", 7000218)),
        ({"scope": "https://graph.microsoft.com/mail.read"}, (400, "invalid_grant", 70000)),
    ],
)
@pytest.mark.behaviour("sign-in.pkce", "sign-in.code-redirect", "sign-in.web-without-secret")
def test_a_refused_code_stays_valid(
    api: Api, changes: dict[str, str | None], refusal: tuple[int, str, int]
) -> None:
    code = code_of(api)
    assert refused(redeem(api, code, **changes)) == refusal
    assert redeem(api, code).status_code == 200


@pytest.mark.behaviour("sign-in.code-client")
def test_a_code_works_only_for_its_client(api: Api) -> None:
    web, native = code_of(api), code_of(api, public=True)
    assert refused(redeem(api, web, public=True)) == (400, "invalid_grant", 70000)
    assert refused(redeem(api, native, client_secret=None)) == (400, "invalid_grant", 70000)


@pytest.mark.behaviour("sign-in.pkce", "sign-in.pkce-optional")
def test_pkce_may_be_plain_or_left_out(api: Api) -> None:
    plain = code_of(api, code_challenge=VERIFIER, code_challenge_method=None)
    assert refused(redeem(api, plain, code_verifier="w" * 60))[2] == 501481
    assert redeem(api, plain).status_code == 200
    none = code_of(api, code_challenge=None, code_challenge_method=None)
    assert redeem(api, none, code_verifier=None).status_code == 200


@pytest.mark.behaviour("sign-in.offline-access")
def test_no_refresh_token_without_offline_access(api: Api) -> None:
    code = code_of(api, scope="https://ads.microsoft.com/msads.manage")
    assert "refresh_token" not in redeem(api, code).json()


# --- Secrets and registrations -----------------------------------------------------------------------------


@pytest.mark.behaviour("sign-in.public-secret")
def test_a_public_client_sends_no_secret(api: Api) -> None:
    code = code_of(api, public=True)
    answer = redeem(api, code, public=True, client_secret="some-secret")
    assert refused(answer) == (400, "invalid_request", 90023)
    assert "Public clients can't send a client secret." in answer.json()["error_description"]
    token = redeem(api, code, public=True).json()["refresh_token"]
    again = api.token_request(client_id=api.ready["public_client_id"], refresh_token=token)
    assert refused(again) == (400, "invalid_request", 90023)


@pytest.mark.behaviour("sign-in.public-token-secret")
def test_a_token_obtained_without_a_secret_is_not_refreshed_with_one(api: Api) -> None:
    """One registration of both kinds: what it got as a public client stays a public client's."""
    api.control("settings", {"web_redirect_uris": [NATIVE_CLIENT]})
    code = code_of(api, redirect_uri=NATIVE_CLIENT)
    assert refused(redeem(api, code, redirect_uri=NATIVE_CLIENT)) == (400, "invalid_request", 90023)
    answer = redeem(api, code, redirect_uri=NATIVE_CLIENT, client_secret=None)
    token = answer.json()["refresh_token"]
    assert refused(api.token_request(refresh_token=token)) == (400, "invalid_request", 90023)
    form = {"grant_type": "refresh_token", "client_id": api.ready["client_id"], "refresh_token": token}
    assert api.http.post("/common/oauth2/v2.0/token", data=form).status_code == 200


@pytest.mark.behaviour("sign-in.token-client")
def test_a_refresh_token_works_only_for_its_client(api: Api) -> None:
    of_the_web = {"grant_type": "refresh_token", "client_id": api.ready["public_client_id"]}
    for token in (api.ready["refresh_token"], api.sign_in()["refresh_token"]):
        answer = api.http.post("/common/oauth2/v2.0/token", data=of_the_web | {"refresh_token": token})
        assert refused(answer) == (400, "invalid_grant", 70000)
    native = redeem(api, code_of(api, public=True), public=True).json()["refresh_token"]
    assert refused(api.token_request(refresh_token=native))[0] == 400


def test_the_log_shows_no_code(api: Api) -> None:
    api.control("requests", method="DELETE")
    code = code_of(api)
    redeem(api, code)
    log = json.dumps(api.control("requests"))
    assert [call["operation"] for call in json.loads(log)] == ["Authorize", "Authorize", "Token"]
    assert code not in log


def test_a_folder_of_an_earlier_version_gets_a_public_client_once(tmp_path: Any) -> None:
    from microsoft_advertising_simulator.clock import Clock

    storage = Storage(tmp_path / "simulator.sqlite")
    first = Identity(storage, Clock()).account(sandbox=False)
    stored = storage.get("account")
    del stored["public_client_id"]
    storage.put("account", stored)
    again = Identity(storage, Clock())
    assert again.account(sandbox=False).client_secret == first.client_secret
    assert again.account(sandbox=False).public_client_id
    assert again.account(sandbox=False) == again.account(sandbox=False)
    storage.close()


def test_a_repr_shows_no_secret() -> None:
    shown = repr(Application("id", "name", "top-secret", ()))
    assert "top-secret" not in shown
    assert Settings().web_redirect_uris == ("http://localhost",)
