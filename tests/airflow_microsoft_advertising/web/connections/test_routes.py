"""The pages of connections, with Airflow's auth manager, its metadata database and the simulator's authority."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api import security
from airflow.models.crypto import get_fernet
from airflow.utils.session import create_session
from cryptography.fernet import Fernet
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_microsoft_advertising.connection.token_store import VariableTokenStore, variable_name
from airflow_microsoft_advertising.connection.writer import SavedConnection, read_connection, write_connection
from airflow_microsoft_advertising.web.app import create_app
from airflow_microsoft_advertising.web.connections import access, routes, signing_in
from airflow_microsoft_advertising.web.connections.listing import Dependent
from customer_match.data_privacy import current_text_id
from customer_match.errors import ConfigurationError
from customer_match_demo.stack import account_connection
from tests.airflow_microsoft_advertising.conftest import AGREED, EXTRA, SECRETS, assert_no_secret
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = pytest.mark.slow

CONN_ID = "ads-of-the_pages.tests"
BASE = "http://airflow.example:8080"
PAGE = f"/connection/{CONN_ID}"
NEW = {
    "conn_id": CONN_ID,
    "name": "Autumn campaigns",
    "environment": "production",
    "client_id": "client",
    "client_secret": SECRETS["client_secret"],
    "developer_token": SECRETS["developer_token"],
    "transport": "rest",
    "shared": "named",
    "users": "anna",
    "roles": "Marketing",
    "agreed": "yes",
}


class Browser:
    """A browser in which a user has signed in to Airflow."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.client = TestClient(app, base_url=BASE, headers={"Origin": BASE}, follow_redirects=False)

    def as_user(self, name: str, role: str) -> Browser:
        self.app.dependency_overrides[security.get_user] = lambda: SimpleAuthManagerUser(
            username=name, role=role
        )
        return self

    def get(self, path: str, **params: str) -> httpx.Response:
        answer = self.client.get(path, params=params)
        assert_no_secret(answer.text)
        return answer

    def post(self, path: str, **fields: str) -> httpx.Response:
        answer = self.client.post(path, data=fields)
        assert_no_secret(answer.text)
        return answer


@pytest.fixture
def browser(airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """A browser of an administrator, named ada; the metadata database encrypts."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", BASE)
    monkeypatch.setenv("AIRFLOW__API__SECRET_KEY", "a secret that all API servers share")
    get_fernet.cache_clear()
    for module in (access, routes, security):
        monkeypatch.setattr(module, "get_auth_manager", SimpleAuthManager)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    yield Browser(create_app()).as_user("ada", "admin")
    with sqlite3.connect(airflow_db) as raw:
        raw.execute("DELETE FROM connection WHERE conn_id = ?", [CONN_ID])
        raw.execute("DELETE FROM variable WHERE key LIKE 'microsoft_advertising%'")
    get_fernet.cache_clear()


def saved() -> SavedConnection:
    with create_session() as session:
        found = read_connection(CONN_ID, session)
    assert found is not None
    return found


def save(extra: dict[str, Any] | None = None, **changes: Any) -> None:
    fields = {
        "client_id": "client",
        "client_secret": SECRETS["client_secret"],
        "description": "Autumn",
    } | changes
    with create_session() as session:
        write_connection(CONN_ID, SavedConnection(extra=EXTRA | (extra or {}), **fields), session)


# --- Add and edit ------------------------------------------------------------------------------------------


def test_a_connection_is_added_with_people_and_an_agreement(browser: Browser) -> None:
    page = browser.get("/connections/new")
    assert page.status_code == 200
    assert 'name="users" value="ada"' in page.text
    assert f"<code>{BASE}/customer-match/connections/signed-in</code>" in page.text
    added = browser.post("/connections/new?lang=fr", **NEW)
    assert (added.status_code, added.headers["location"]) == (303, f"/customer-match{PAGE}?lang=fr")
    found = saved()
    assert (found.client_id, found.client_secret) == ("client", SECRETS["client_secret"])
    assert found.description == "Autumn campaigns"
    assert found.extra["used_by"] == "administrators, anna, role:Marketing"
    assert (found.extra["privacy_agreed_by"], found.extra["privacy_text"]) == ("ada", current_text_id())
    assert (
        abs(datetime.fromisoformat(found.extra["privacy_agreed_on"]) - datetime.now(UTC)).total_seconds()
        < 600
    )
    shown = browser.get(PAGE).text
    assert "Sign in with Microsoft" in shown
    assert "ada, " in shown


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"conn_id": "a b"}, "Letters, digits, _, . and -, 200 at most."),
        ({"conn_id": "../x"}, "Letters, digits, _, . and -, 200 at most."),
        ({"agreed": ""}, "Without an agreement, no export runs"),
        ({"client_id": ""}, "This is needed."),
        ({"client_id": "two words"}, "A token or an id has no spaces"),
        ({"client_secret": ""}, "This is needed."),
        ({"developer_token": ""}, "This is needed."),
        ({"environment": "other"}, "Fill in the base URL too."),
        ({"base_url": "https://evil.example"}, "uses Microsoft&#39;s own addresses"),
        ({"environment": "other", "base_url": "http://evil.example"}, "base URL"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(
    browser: Browser, changes: dict[str, str], words: str
) -> None:
    answer = browser.post("/connections/new", **NEW | changes)
    assert answer.status_code == 422
    assert words in answer.text
    assert "Nothing was saved. Correct the form first." in answer.text
    with create_session() as session:
        assert read_connection(CONN_ID, session) is None


def test_an_id_that_is_taken(browser: Browser) -> None:
    save()
    answer = browser.post("/connections/new", **NEW)
    assert answer.status_code == 422
    assert "There is a connection of this id." in answer.text
    assert saved().description == "Autumn"


def test_an_edit_changes_only_what_the_form_holds(browser: Browser) -> None:
    save({**AGREED, "note": "kept", "terms_accepted_by": "Jane"})
    token = variable_name("client", EXTRA["refresh_token"])
    VariableTokenStore(token, CONN_ID, "client").save("renewed")
    before = saved()
    answer = browser.post(PAGE, **NEW | {"client_secret": "", "developer_token": "", "shared": "everyone"})
    assert answer.status_code == 303, answer.text
    after = saved()
    changed = {key for key in after.extra if after.extra[key] != before.extra.get(key)}
    assert changed == {"environment", "base_url", "tenant", "transport", "used_by"}
    assert (after.client_secret, after.description) == (SECRETS["client_secret"], "Autumn campaigns")
    assert after.extra["used_by"] == ""
    assert VariableTokenStore(token, CONN_ID, "client").load() == "renewed"


def test_another_place_gets_no_secrets(browser: Browser) -> None:
    save(AGREED)
    there = {"environment": "other", "base_url": "https://elsewhere.example"}
    refused = browser.post(PAGE, **NEW | there | {"client_secret": "", "developer_token": ""})
    assert refused.status_code == 422
    assert saved().extra["refresh_token"] == EXTRA["refresh_token"]
    done = browser.post(PAGE, **NEW | there | {"client_secret": "other", "developer_token": "other"})
    assert done.status_code == 303, done.text
    extra = saved().extra
    for name in ("refresh_token", "customer_id", "account_id", "privacy_agreed_by"):
        assert extra[name] == "", name
    assert extra["developer_token"] == "other"


def test_agree_and_withdraw(browser: Browser) -> None:
    save()
    assert browser.post(PAGE, action="agree").status_code == 303
    assert saved().extra["privacy_agreed_by"] == "ada"
    assert "Withdraw the agreement" in browser.get(PAGE).text
    assert browser.as_user("jane.doe@example.com", "op").post(PAGE, action="withdraw").status_code == 303
    assert saved().extra["privacy_agreed_by"] == ""
    shown = browser.get(PAGE).text
    assert "withdrawn by jane.doe, 20" in shown
    assert "jane.doe@" not in shown


def test_connections_on_soap_are_marked_and_changed_by_a_button(browser: Browser) -> None:
    save(AGREED)
    assert "SOAP" not in browser.get("/connections").text
    save({**AGREED, "transport": "soap", "note": "kept"})
    listed = browser.get("/connections").text
    assert "It uses SOAP, which Microsoft switches off on 31 January 2027." in listed
    assert "que Microsoft arrête le 31 janvier 2027" in browser.get("/connections", lang="fr").text
    assert f'action="/customer-match{PAGE}?lang=en"' in listed
    assert 'name="action" value="to-rest"' in listed
    before = saved()
    assert "SOAP" not in browser.as_user("anna", "user").get("/connections").text
    assert browser.post(PAGE, action="to-rest").status_code == 403
    assert saved() == before
    assert browser.as_user("ada", "admin").post(PAGE, action="to-rest").status_code == 303
    assert saved().extra == before.extra | {"transport": "rest"}
    assert "Change to REST" not in browser.get("/connections").text


# --- Who may see and change it -----------------------------------------------------------------------------


def test_the_list_shows_everything_but_secrets_to_who_may_change(browser: Browser) -> None:
    save({**AGREED, "used_by": "administrators, anna", "signed_in_on": "2026-01-02T03:04:05+00:00"})
    shown = " ".join(re.sub("<[^>]+>", " ", browser.get("/connections").text).split())
    for words in (
        "Autumn", CONN_ID, "production", "client", "cid 190000001, aid 180000001", "administrators, anna", "signed in",
        "Jane Doe", current_text_id(),
    ):  # fmt: skip
        assert words in shown
    assert "Add a connection" in shown


def test_a_contributor_sees_only_shared_connections_and_changes_none(browser: Browser) -> None:
    save({**AGREED, "used_by": "administrators, anna"})
    shown = browser.as_user("anna", "user").get("/connections").text
    assert f"You may use it as {CONN_ID} in exports." in shown
    assert "cid 190000001" not in shown
    assert PAGE not in shown
    assert "connections/new" not in shown
    assert CONN_ID not in browser.as_user("bob", "user").get("/connections").text
    for user, role in (("anna", "user"), ("vera", "viewer")):
        asked = browser.as_user(user, role)
        for path in (PAGE, "/connections/new", f"{PAGE}/account", f"{PAGE}/remove"):
            assert asked.get(path).status_code == 403, path
        for path in (PAGE, "/connections/new", f"{PAGE}/account", f"{PAGE}/remove", f"{PAGE}/sign-in"):
            assert asked.post(path, action="withdraw").status_code == 403, path
    assert saved().extra["privacy_agreed_by"] == "Jane Doe"


def test_changes_for_another_site_are_refused(browser: Browser) -> None:
    save(AGREED)
    for path in (PAGE, f"{PAGE}/remove", f"{PAGE}/sign-in", "/connections/signed-in"):
        answer = browser.client.post(
            path, data={"action": "withdraw"}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
    assert saved().extra["privacy_agreed_by"] == "Jane Doe"


def test_connections_of_other_types_are_not_shown(browser: Browser) -> None:
    from airflow.models.connection import Connection

    with create_session() as session:
        session.add(Connection(conn_id=CONN_ID, conn_type="wasb"))
    assert CONN_ID not in browser.get("/connections").text
    for path in (PAGE, f"{PAGE}/remove"):
        assert browser.get(path).status_code == 404
        assert browser.post(path, action="agree").status_code == 404


def test_secrets_that_cannot_be_decrypted_are_said(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    save(AGREED)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    get_fernet.cache_clear()
    for path in ("/connections", PAGE):
        assert "cannot be decrypted" in browser.get(path).text


# --- Removal -----------------------------------------------------------------------------------------------


def test_removal_names_the_exports_that_depend_on_it_and_leaves_no_token(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(AGREED)
    renewed = VariableTokenStore(variable_name("client", EXTRA["refresh_token"]), CONN_ID, "client")
    renewed.save("hidden-renewed-token")
    assert "tokens renewed since" in browser.get("/connections").text
    monkeypatch.setattr(
        "airflow_microsoft_advertising.web.connections.listing.dependents",
        lambda _: {CONN_ID: [Dependent("autumn", "Autumn <b>campaign</b>")]},
    )
    asked = browser.get(f"{PAGE}/remove").text
    assert "no run succeeds until they have another connection" in asked
    assert "Autumn &lt;b&gt;campaign&lt;/b&gt;" in asked
    assert saved().description == "Autumn"
    removed = browser.post(f"{PAGE}/remove")
    assert (removed.status_code, removed.headers["location"]) == (303, "/customer-match/connections?lang=en")
    with create_session() as session:
        assert read_connection(CONN_ID, session) is None
    assert renewed.load() is None


# --- Sign-in -----------------------------------------------------------------------------------------------


@pytest.fixture
def registered(browser: Browser, running_simulator: Simulator) -> Iterator[Browser]:
    """A connection to the simulator, whose application has the redirect URI, and which nobody has signed in for."""
    before = running_simulator.api.control("settings")
    running_simulator.api.control("settings", {"web_redirect_uris": [signing_in.redirect_uri()]})
    fields = account_connection(running_simulator.ready)
    extra = fields["extra"] | {"refresh_token": "", "customer_id": "", "account_id": ""}
    save(extra, client_id=fields["login"], client_secret=fields["password"])
    yield browser
    running_simulator.api.control("settings", {"web_redirect_uris": before["web_redirect_uris"]})


def press(address: str, button: str = "accept") -> dict[str, str]:
    """Press a button of the authority's page; returns the answer behind the # of the address it leads to."""
    asked = httpx.URL(address)
    form = {**asked.params, "decision": button}
    led = httpx.post(asked.copy_with(query=None), data=form, trust_env=False).headers["Location"]
    there, _, answer = led.partition("#")
    assert there == f"{BASE}/customer-match/connections/signed-in"
    return dict(parse_qsl(answer))


def begin(browser: Browser) -> str:
    answer = browser.client.post(f"{PAGE}/sign-in")
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Max-Age=600" in cookie
    assert "Path=/customer-match/connections" in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    browser.client.cookies.set(
        signing_in.COOKIE, value, path="/"
    )  # the test client mounts nothing below Airflow
    return str(answer.json()["address"])


@pytest.mark.system
def test_a_sign_in_by_the_button_to_the_account_and_the_test(
    registered: Browser, running_simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    address = begin(registered)
    assert httpx.URL(address).params["code_challenge_method"] == "S256"
    answer = press(address)
    done = registered.post("/connections/signed-in", **answer)
    assert (done.status_code, done.headers["location"]) == (303, f"/customer-match{PAGE}/account?lang=en")
    assert 'customer_match_sign_in=""' in done.headers["set-cookie"], "it is used once"
    token = saved().extra["refresh_token"]
    assert token.startswith("sim-refresh")

    ready = running_simulator.ready
    page = registered.get(f"{PAGE}/account").text
    assert f"cid {ready['customer_id']}, aid {ready['account_id']}" in page
    assert registered.post(f"{PAGE}/account", account="5").status_code == 422
    assert registered.post(f"{PAGE}/account", account=ready["account_id"]).status_code == 303
    extra = saved().extra
    assert (extra["customer_id"], extra["account_id"]) == (ready["customer_id"], ready["account_id"])
    tested = registered.post(PAGE, action="test")
    assert tested.status_code == 200
    assert "Customer Match: the account can read" in tested.text
    listed = registered.get("/connections").text
    assert "never" not in listed
    for secret in (token, answer["code"], ready["client_secret"]):
        assert secret not in caplog.text + page + tested.text + listed


@pytest.mark.system
def test_what_does_not_finish_a_sign_in(registered: Browser) -> None:
    """Nothing is saved: the user declined, or the answer is another's, or comes twice."""
    address = begin(registered)
    refused = registered.post("/connections/signed-in", **press(address, "decline"))
    assert refused.status_code == 422
    assert "the user declined" in refused.text

    address = begin(registered)
    forged = registered.post("/connections/signed-in", **press(address) | {"state": "x"})
    assert "belongs to another sign-in" in forged.text

    address = begin(registered)
    other = registered.as_user("mallory", "admin").post("/connections/signed-in", **press(address))
    assert "Another Airflow user has begun this sign-in" in other.text
    registered.as_user("ada", "admin")

    address, answer = begin(registered), None
    registered.as_user("ada", "user")
    assert registered.post("/connections/signed-in", **press(address)).status_code == 403
    registered.as_user("ada", "admin")
    assert saved().extra["refresh_token"] == ""

    address = begin(registered)
    answer = press(address)
    assert registered.post("/connections/signed-in", **answer).status_code == 303
    first = saved().extra["refresh_token"]
    again = registered.post("/connections/signed-in", **answer)
    assert again.status_code == 422
    assert saved().extra["refresh_token"] == first


@pytest.mark.parametrize("cookie", [None, "", "nonsense", "of another server"])
def test_without_a_cookie_of_ours_no_sign_in_is_finished(browser: Browser, cookie: str | None) -> None:
    if cookie == "of another server":
        cookie = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    if cookie is not None:
        browser.client.cookies.set(signing_in.COOKIE, cookie, path="/")
    answer = browser.post("/connections/signed-in", code="c", state="s")
    assert answer.status_code == 422
    assert "This browser has begun no sign-in in the last 10 minutes." in answer.text


def test_a_sign_in_has_ten_minutes(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = signing_in.Begun("x", "ada", {"state": "s"})
    sealed = signing_in._fernet().encrypt_at_time(
        json.dumps({"conn_id": "x", "user": "ada", "flow": {}}).encode(),
        int(datetime.now(UTC).timestamp()) - 601,
    )
    browser.client.cookies.set(signing_in.COOKIE, sealed.decode(), path="/")
    assert browser.post("/connections/signed-in", code="c", state="s").status_code == 422
    ours = begun.sealed()
    assert signing_in.opened(ours, "ada") == begun
    monkeypatch.setenv("AIRFLOW__API__SECRET_KEY", "of another Airflow")
    with pytest.raises(ConfigurationError, match="has begun no sign-in"):
        signing_in.opened(ours, "ada")


@pytest.mark.system
def test_why_a_sign_in_does_not_begin_is_said(
    registered: Browser, running_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")
    assert "[api] base_url is empty" in registered.client.post(f"{PAGE}/sign-in").json()["failure"]
    assert "Register this redirect URI" not in registered.get(PAGE).text
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", BASE)
    save({"environment": "other", "base_url": "http://127.0.0.1:9"})
    assert registered.client.post(f"{PAGE}/sign-in").status_code == 422


@pytest.mark.system
def test_accounts_that_cannot_be_asked_for(registered: Browser) -> None:
    save({**EXTRA, "environment": "other", "base_url": "http://127.0.0.1:9"})
    answer = registered.get(f"{PAGE}/account")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    failed = registered.post(PAGE, action="test")
    assert failed.status_code == 422
    assert 'role="alert"' in failed.text


def test_the_page_that_the_browser_comes_back_to_may_run_its_script_only(browser: Browser) -> None:
    page = browser.get("/connections/signed-in")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "form-action 'self'" in policy
    assert "default-src 'none'" in policy
