"""A sign-in from the address to the refresh token, and the messages of its failures, with the simulator."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from customer_match.errors import ConfigurationError, TransientError
from microsoft_advertising.account import Account
from microsoft_advertising.auth import redirect_listener as sign_in_listener
from microsoft_advertising.auth.redirect_listener import Listener
from microsoft_advertising.auth.sign_in import (
    NATIVE_CLIENT,
    AnswerMode,
    SignIn,
    native_client_page,
    read_answer,
)
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from tests.microsoft_advertising.conftest import Service, json_reply
from tests.microsoft_advertising_simulator.api import Api, Simulator

LOCAL = "http://localhost:5001"


# --- Pasted addresses --------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1)), st.text(min_size=1))
def test_a_pasted_address_is_read_back(more: dict[str, str], code: str) -> None:
    answer = {**more, "code": code}
    query = urlencode(answer, quote_via=quote)
    for pasted in (
        f"{LOCAL}/?{query}",
        query,
        f"?{query}",
        f'"{NATIVE_CLIENT}?{query}"\n',
        f" {query[:4]}\n{query[4:]}",
    ):
        assert read_answer(pasted) == answer


@pytest.mark.parametrize("pasted", ["", "  ", LOCAL, f"{LOCAL}/?state=x", "hello", f"{LOCAL}/?code=&state=x"])
def test_an_address_without_an_answer(pasted: str) -> None:
    with pytest.raises(ConfigurationError, match="contains no answer"):
        read_answer(pasted)


# --- The listener ------------------------------------------------------------------------------------------


def post(url: str, **form: str) -> httpx.Response:
    return httpx.post(url.replace("localhost", "127.0.0.1"), data=form, trust_env=False)


def test_the_listener_accepts_only_the_first_answer() -> None:
    with Listener() as listener:
        base = listener.redirect_uri
        assert base.startswith("http://localhost:")
        for other in ("/favicon.ico", "/", "/?code=x&state=y"):
            assert (
                httpx.get(base.replace("localhost", "127.0.0.1") + other, trust_env=False).status_code == 404
            )
        assert post(f"{base}/", code="x").status_code == 404
        assert post(f"{base}/", state="x").status_code == 404
        assert post(f"{base}/elsewhere", code="x", state="y").status_code == 404
        page = post(f"{base}/", code="c d", state="s")
        assert page.status_code == 200
        assert "command line" in page.text
        assert "c d" not in page.text
        post(f"{base}/", code="second", state="s")
        assert listener.wait(5) == {"code": "c d", "state": "s"}


def test_a_flood_of_bytes_is_not_read() -> None:
    with Listener() as listener:
        port = int(listener.redirect_uri.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 70_000)
            assert connection.recv(100).startswith(b"HTTP/1.0 404")


def test_silent_connections_do_not_block_the_answer() -> None:
    """Browsers open connections in advance."""
    with Listener() as listener:
        port = int(listener.redirect_uri.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            assert post(f"{listener.redirect_uri}/", error="access_denied", state="s").status_code == 200
            assert listener.wait(5)["error"] == "access_denied"


def send(listener: Listener, text: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", int(listener.redirect_uri.rpartition(":")[2])))
    connection.sendall(text)
    return connection


FOREIGN = {
    "a scanner": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "nothing": b"",
    "half a request": b"POST / HT",
    "half an answer": b"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\ncode=x",
    "no number": b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\ncode=x&state=ours",
    "below nothing": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\ncode=x&state=ours",
    "endless": b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n" + b"x" * 70_000,
    "too much": b"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\ncode=x&state=ours",
    "pieces": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a long line": b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    "another word": b"HEAD / HTTP/1.1\r\n\r\n",
    "a query": b"GET /?code=x&state=ours HTTP/1.1\r\n\r\n",
    "an icon": b"GET /favicon.ico HTTP/1.1\r\n\r\n",
    "elsewhere": b"POST /x HTTP/1.1\r\nContent-Length: 17\r\n\r\ncode=x&state=ours",
    "no state": b"POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\ncode=x",
    "another state": b"POST / HTTP/1.1\r\nContent-Length: 19\r\n\r\ncode=x&state=theirs",
    "another refusal": b"POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nerror=x&state=theirs",
}


@pytest.mark.slow
def test_the_listener_ignores_everything_but_the_answer() -> None:
    with Listener() as listener:
        listener.expect("ours")
        opened = {}
        for name, text in FOREIGN.items():
            opened[name] = send(listener, text)
        assert not listener._server.arrived.wait(0.3)
        page = post(f"{listener.redirect_uri}/", code="theirs", state="theirs")
        assert page.status_code == 400
        assert "another sign-in" in page.text
        assert post(f"{listener.redirect_uri}/", code="c", state="ours").status_code == 200
        assert listener.wait(5) == {"code": "c", "state": "ours"}
        for connection in opened.values():
            connection.close()


def test_silent_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_listener._Handler, "timeout", 0.1)
    with Listener() as listener:
        for text in (b"", FOREIGN["half a request"], FOREIGN["half an answer"]):
            with send(listener, text) as connection:
                connection.settimeout(5)
                assert connection.recv(100) == b""


def test_an_answer_counts_even_if_the_browser_has_disconnected() -> None:
    with Listener() as listener:
        listener.expect("ours")
        send(listener, b"POST / HTTP/1.1\r\nContent-Length: 17\r\n\r\ncode=c&state=ours").close()
        assert listener.wait(5) == {"code": "c", "state": "ours"}


def test_the_message_mentions_rejected_answers() -> None:
    with Listener() as listener:
        listener.expect("ours")
        post(f"{listener.redirect_uri}/", code="c", state="theirs")
        with pytest.raises(ConfigurationError, match=r"answer of another sign-in arrived.*newest address"):
            listener.wait(0.01)


def test_the_listener_times_out() -> None:
    with (
        Listener() as listener,
        pytest.raises(ConfigurationError, match="No sign-in was completed within 0 sec"),
    ):
        listener.wait(0.01)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port}.*--port"):
            Listener(port)


def test_the_listener_is_reached_from_this_machine_only() -> None:
    with Listener() as listener:
        assert listener._server.server_address[0] == "127.0.0.1"


# --- The flow ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    yield simulator
    simulator.end()


@pytest.fixture
def api(running: Simulator) -> Iterator[Api]:
    before = running.api.control("settings")
    yield running.api
    running.api.control("faults", method="DELETE")
    running.api.control("settings", before)


def begin(api: Api, *, public: bool = False, redirect_uri: str = LOCAL, secret: str | None = None) -> SignIn:
    own = None if public else api.ready["client_secret"]
    return SignIn(
        api.ready["public_client_id" if public else "client_id"],
        SecretStr(secret or own) if secret or own else None,
        Environment.at(api.ready["base_url"]),
        redirect_uri,
    )


def answered(api: Api, sign_in: SignIn, button: str = "accept") -> dict[str, str]:
    """The answer of the page after the user has pressed a button."""
    parts = urlsplit(sign_in.address)
    assert f"{parts.scheme}://{parts.netloc}" == api.ready["base_url"]
    form = dict(parse_qsl(parts.query)) | {"decision": button}
    answer = api.http.post(parts.path, data=form)
    assert answer.status_code == 302, answer.text
    return read_answer(answer.headers["Location"])


def test_the_sign_in_request_of_each_environment() -> None:
    """Production and sandbox, without a network: the test gives msal the authority's metadata."""
    with pytest.MonkeyPatch.context() as patch:
        described = {
            "authorization_endpoint": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
            "token_endpoint": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        }
        patch.setattr(
            "microsoft_advertising.auth.authority.AuthorityHttp._send",
            lambda *_, **__: httpx.Response(200, json=described),
        )
        for name, scope in (("production", "ads"), ("sandbox", "si.ads")):
            with SignIn("app", None, Environment.named(name), LOCAL) as sign_in:
                parts = urlsplit(sign_in.address)
                query = parse_qs(parts.query)
            assert parts.netloc == "login.microsoftonline.com"
            assert query["code_challenge_method"] == ["S256"]
            assert query["redirect_uri"] == [LOCAL]
            assert query["response_mode"] == ["query"]
            assert set(query["scope"][0].split()) >= {
                f"https://{scope}.microsoft.com/msads.manage",
                "offline_access",
            }


@pytest.mark.system
def test_the_tenant_is_part_of_the_address(api: Api) -> None:
    environment = Environment.at(api.ready["base_url"]).of_tenant("contoso.onmicrosoft.com")
    with SignIn(api.ready["public_client_id"], None, environment, LOCAL) as sign_in:
        assert urlsplit(sign_in.address).path == "/contoso.onmicrosoft.com/oauth2/v2.0/authorize"
        assert sign_in.finish(answered(api, sign_in)).get_secret_value()


@pytest.mark.system
@pytest.mark.parametrize("public", [False, True])
def test_a_sign_in_leads_to_a_working_client(api: Api, public: bool) -> None:
    page = native_client_page(Environment.at(api.ready["base_url"]))
    with begin(api, public=public, redirect_uri=page if public else LOCAL) as sign_in:
        refresh_token = sign_in.finish(answered(api, sign_in))
    account = Account.model_validate(
        {
            "client_id": api.ready["public_client_id" if public else "client_id"],
            "client_secret": None if public else api.ready["client_secret"],
            "refresh_token": refresh_token,
            "developer_token": api.ready["developer_token"],
            "customer_id": api.ready["customer_id"],
            "account_id": api.ready["account_id"],
        }
    )
    with Client(account, Environment.at(api.ready["base_url"])) as client:
        assert client.whoami().accounts[0].id == api.ready["account_id"]


@pytest.mark.system
def test_accounts_are_found_before_one_is_chosen(api: Api) -> None:
    with begin(api) as sign_in:
        refresh_token = sign_in.finish(answered(api, sign_in))
    credentials = Account.without_ids(
        client_id=api.ready["client_id"],
        client_secret=SecretStr(api.ready["client_secret"]),
        refresh_token=refresh_token,
        developer_token=SecretStr(api.ready["developer_token"]),
    )
    with Client(credentials, Environment.at(api.ready["base_url"])) as client:
        [account] = client.accounts()
    assert (account.id, account.customer_id) == (api.ready["account_id"], api.ready["customer_id"])


@pytest.mark.system
def test_the_user_declines(api: Api) -> None:
    with (
        begin(api) as sign_in,
        pytest.raises(ConfigurationError, match=r"access_denied \(AADSTS65004\).*declined"),
    ):
        sign_in.finish(answered(api, sign_in, "decline"))


@pytest.mark.system
def test_an_answer_of_another_sign_in(api: Api) -> None:
    with begin(api) as first, begin(api) as second:
        answer = answered(api, first)
        with pytest.raises(ConfigurationError, match="another sign-in") as caught:
            second.finish(answer)
        for secret in (answer["code"], answer["state"]):
            assert secret not in str(caught.value)
        assert caught.value.__cause__ is None
        with pytest.raises(ConfigurationError, match="another sign-in"):
            first.finish({"code": answer["code"]})
        assert first.finish(answer)


@pytest.mark.system
def test_a_code_of_another_sign_in_with_our_state(api: Api) -> None:
    """An attacker injects their own code: PKCE prevents it."""
    with begin(api) as ours, begin(api) as theirs:
        state = answered(api, ours)["state"]
        with pytest.raises(ConfigurationError, match="AADSTS501481"):
            ours.finish({"code": answered(api, theirs)["code"], "state": state})


@pytest.mark.system
def test_an_expired_or_used_code(api: Api) -> None:
    with begin(api) as sign_in:
        answer = answered(api, sign_in)
        assert sign_in.finish(answer)
        with pytest.raises(ConfigurationError, match=r"AADSTS54005.*used before"):
            sign_in.finish(answer)
    with begin(api) as sign_in:
        answer = answered(api, sign_in)
        api.control("clock", {"advance_seconds": 301})
        with pytest.raises(ConfigurationError, match=r"AADSTS70008.*has expired"):
            sign_in.finish(answer)


@pytest.mark.system
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secret": "not-the-secret"}, r"AADSTS7000215.*secret's value"),
        ({"public": True, "secret": "some-secret"}, r"AADSTS90023.*--public"),
    ],
)
def test_wrong_secrets_are_reported_and_never_shown(
    api: Api, options: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with begin(api, **options) as sign_in:
        answer = answered(api, sign_in)
        caplog.clear()  # the messages of the browser's requests
        with pytest.raises(ConfigurationError, match=words) as caught:
            sign_in.finish(answer)
    shown = str(caught.value) + caplog.text
    assert options["secret"] not in shown
    assert answer["code"] not in shown


@pytest.mark.system
def test_a_web_registration_without_its_secret(api: Api) -> None:
    web = SignIn(api.ready["client_id"], None, Environment.at(api.ready["base_url"]), LOCAL)
    with web as sign_in, pytest.raises(ConfigurationError, match=r"AADSTS7000218.*needs its client secret"):
        sign_in.finish(answered(api, sign_in))


@pytest.mark.system
def test_an_authority_that_is_overloaded_or_unreachable(api: Api) -> None:
    with begin(api) as sign_in:
        answer = answered(api, sign_in)
        api.fault("Token", "raw", status=503, body="busy")
        with pytest.raises(TransientError, match="signing in: HTTP status 503"):
            sign_in.finish(answer)
    with pytest.raises(TransientError, match="no connection"):
        SignIn("app", None, Environment.at("http://127.0.0.1:9"), LOCAL)


def test_an_authority_with_invalid_metadata(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "reply_to", lambda path: json_reply({"token_endpoint": "http://x/token"}))
    with pytest.raises(ConfigurationError, match=r"metadata is not valid.*tenant"):
        SignIn("app", None, Environment.at(service.base_url), LOCAL)


def test_an_answer_without_a_refresh_token(service: Service) -> None:
    service.token_reply = lambda n: json_reply({"access_token": "access-x", "expires_in": 3600})
    with SignIn("app", None, Environment.at(service.base_url), LOCAL) as sign_in:
        state = parse_qs(urlsplit(sign_in.address).query)["state"][0]
        with pytest.raises(ConfigurationError, match="offline_access"):
            sign_in.finish({"code": "c", "state": state})


def test_an_id_token_of_somebody_else(service: Service) -> None:
    """msal's message would show the token."""
    service.token_reply = lambda n: json_reply(
        {"access_token": "access-x", "refresh_token": "refresh-secret-9", "id_token": "not.a.token"}
    )
    with SignIn("app", None, Environment.at(service.base_url), LOCAL) as sign_in:
        state = parse_qs(urlsplit(sign_in.address).query)["state"][0]
        with pytest.raises(ConfigurationError, match="answer is not valid") as caught:
            sign_in.finish({"code": "c", "state": state})
    assert "not.a.token" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.system
def test_another_process_finishes_a_sign_in(running: Simulator) -> None:
    """As one of several web servers does: it knows what the first one passed on, and the answer."""
    secret, environment = SecretStr(running.ready["client_secret"]), Environment.at(running.ready["base_url"])
    client_id = running.ready["client_id"]
    with SignIn(client_id, secret, environment, LOCAL, mode=AnswerMode.FRAGMENT) as sign_in:
        kept, address = json.dumps(dict(sign_in.flow)), sign_in.address
        assert "response_mode=fragment" in address
    asked = httpx.URL(address)
    pressed = httpx.post(
        asked.copy_with(query=None), data={**asked.params, "decision": "accept"}, trust_env=False
    )
    answer = dict(parse_qsl(httpx.URL(pressed.headers["Location"]).fragment))
    with SignIn(client_id, secret, environment, LOCAL, flow=json.loads(kept)) as again:
        with pytest.raises(ConfigurationError, match="belongs to another sign-in"):
            again.finish(answer | {"state": "x"})
        assert again.finish(answer).get_secret_value()


def test_threads_of_the_listener_end_with_it() -> None:
    before = threading.active_count()
    with Listener() as listener:
        post(f"{listener.redirect_uri}/", code="c", state="s")
        assert listener.wait(5)
    assert threading.active_count() <= before + 1  # one thread may still be closing
