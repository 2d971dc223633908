"""Tokens: requested when needed, renewed early, stored durably, and never shown."""

from __future__ import annotations

import logging
import threading
import time
import urllib.parse
from types import SimpleNamespace

import pytest

from customer_match.errors import ConfigurationError, CustomerMatchError, TransientError
from microsoft_advertising.account import Account
from microsoft_advertising.auth import refresh_tokens, tokens
from microsoft_advertising.auth.refresh_tokens import InMemoryTokenStore
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from microsoft_advertising.faults import ServiceTransientError
from tests.microsoft_advertising.conftest import SECRETS, Reply, Service, json_reply

TOKEN_PATH = "/common/oauth2/v2.0/token"


class Store(InMemoryTokenStore):
    """Records the saved tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[str] = []

    def save(self, refresh_token: str) -> None:
        super().save(refresh_token)
        self.saved.append(refresh_token)


@pytest.fixture
def source(account: Account, environment: Environment) -> TokenSource:
    return TokenSource(account, environment)


def form(service: Service, call: int = -1) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(service.calls(TOKEN_PATH)[call].body.decode()))


def test_one_request_serves_many_calls(service: Service, account: Account, environment: Environment) -> None:
    source = TokenSource(account, environment)
    assert [source.access_token() for _ in range(3)] == ["access-1"] * 3
    sent = form(service)
    assert sent["grant_type"] == "refresh_token"
    assert sent["refresh_token"] == "refresh-secret-0"
    assert (sent["client_id"], sent["client_secret"]) == ("app", "client-secret")
    assert {"https://ads.microsoft.com/msads.manage", "offline_access"} <= set(sent["scope"].split())
    assert len(service.calls(TOKEN_PATH)) == 1


def test_a_public_client_sends_no_secret(
    service: Service, account: Account, environment: Environment
) -> None:
    public = account.model_copy(update={"client_secret": None})
    assert TokenSource(public, environment).access_token() == "access-1"
    assert "client_secret" not in form(service)


def test_renewal_uses_the_rotated_token_and_stores_it(
    service: Service, account: Account, environment: Environment
) -> None:
    store = Store()
    source = TokenSource(account, environment, store)
    assert source.access_token() == "access-1"
    assert source.access_token(refused="access-1") == "access-2"
    assert form(service)["refresh_token"] == "refresh-secret-1"
    assert store.saved == ["refresh-secret-1", "refresh-secret-2"]


def test_without_a_store_the_rotated_token_is_kept_in_memory(
    service: Service, account: Account, environment: Environment
) -> None:
    source = TokenSource(account, environment)
    assert [source.access_token(refused=refused) for refused in (None, "access-1")] == [
        "access-1",
        "access-2",
    ]
    assert form(service)["refresh_token"] == "refresh-secret-1"


def test_an_unchanged_refresh_token_is_not_stored(
    service: Service, account: Account, environment: Environment
) -> None:
    service.token_reply = lambda n: json_reply(
        {"access_token": "access-x", "expires_in": 3600, "refresh_token": "refresh-secret-0"}
    )
    store = Store()
    TokenSource(account, environment, store).access_token()
    assert store.saved == []


def test_renewed_before_it_expires(
    service: Service, account: Account, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: now))
    source = TokenSource(account, environment)
    source.access_token()
    now = 1000.0 + 3599 - 301
    assert source.access_token() == "access-1"
    now = 1000.0 + 3599 - 299
    assert source.access_token() == "access-2"


def test_threads_share_one_request(service: Service, account: Account, environment: Environment) -> None:
    source = TokenSource(account, environment)
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(source.access_token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == ["access-1"] * 8
    assert service.tokens_issued == 1


def oauth_error(name: str, code: int = 79999) -> Reply:
    text = f"AADSTS{code}: the account somebody@example.com is not there. Trace ID: 1 AADSTS{code}"
    return json_reply({"error": name, "error_description": text, "error_codes": [code]}, 400)


@pytest.mark.parametrize(
    ("reply", "family", "words"),
    [
        (oauth_error("invalid_grant"), ConfigurationError, "Sign in again"),
        (oauth_error("interaction_required"), ConfigurationError, "Sign in again"),
        (oauth_error("invalid_client"), ConfigurationError, "client secret"),
        (oauth_error("temporarily_unavailable"), TransientError, "temporarily_unavailable"),
        (Reply(503, b"busy", {"Retry-After": "9"}), TransientError, "503"),
        (Reply(429, b"{}", {"Retry-After": "9"}), TransientError, "429"),
        (Reply(200, b'{"access_token": "access-cut'), ConfigurationError, "200"),
        (Reply(404, b"<html>"), CustomerMatchError, "base URL"),
        (Reply(drop=True), TransientError, "lost"),
    ],
)
def test_a_refused_sign_in_raises_its_family_without_secrets(
    service: Service,
    source: TokenSource,
    caplog: pytest.LogCaptureFixture,
    *,
    reply: Reply,
    family: type[Exception],
    words: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    service.token_reply = lambda n: reply
    with pytest.raises(family, match="signing in for account 222") as caught:
        source.access_token()
    assert words in str(caught.value)
    shown = str(caught.value) + caplog.text
    assert not [secret for secret in (*SECRETS, "somebody") if secret in shown]
    if "Retry-After" in reply.headers:
        assert isinstance(caught.value, TransientError)
        assert caught.value.retry_after == 9


# --- AADSTS70000: a valid token is sometimes refused --------------------------------------------------------------

DOUBT = oauth_error("invalid_grant", 70000)
GOOD = json_reply({"access_token": "access-ok", "expires_in": "3600"})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The current time, as the only element of a list."""
    now = [1000.0]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_doubtful_refusal_is_retried_once_after_a_minute(
    service: Service, account: Account, environment: Environment, clock: list[float]
) -> None:
    replies = [DOUBT, GOOD]
    service.token_reply = lambda n: replies[min(n, 2) - 1]
    source = TokenSource(account, environment)
    with pytest.raises(ServiceTransientError, match="tried once more in a minute") as caught:
        source.access_token()
    assert (caught.value.retry_after, caught.value.undone) == (60, True)
    clock[0] += 60
    assert source.access_token() == "access-ok"


def test_after_that_minute_a_user_must_sign_in(
    service: Service, account: Account, environment: Environment, clock: list[float]
) -> None:
    service.token_reply = lambda n: DOUBT
    source = TokenSource(account, environment)
    for passed, left in ((0, 60), (20, 40), (39, 1)):
        clock[0] += passed
        with pytest.raises(ServiceTransientError) as caught:  # other threads, which request a token earlier
            source.access_token()
        assert caught.value.retry_after == left
    clock[0] += 1
    with pytest.raises(ConfigurationError, match=r"AADSTS70000.*another client or scope.*Sign in again"):
        source.access_token()
    assert service.tokens_issued == 4


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("invalid_grant", 700082),
        ("invalid_grant", 50173),
        ("invalid_client", 70000),
        ("invalid_grant", 700001),
    ],
)
def test_all_other_refusals_are_final(
    service: Service, account: Account, environment: Environment, name: str, code: int
) -> None:
    service.token_reply = lambda n: oauth_error(name, code)
    with pytest.raises(ConfigurationError):
        TokenSource(account, environment).access_token()


@pytest.mark.parametrize("code", [50173, 700082, 70008])
def test_a_code_with_a_reason_is_not_doubtful(
    service: Service, account: Account, environment: Environment, code: int
) -> None:
    """The code is found in the description, or only in the list."""
    for words in (f"AADSTS70000: no. AADSTS{code}: revoked", "AADSTS70000: no"):
        answer = {"error": "invalid_grant", "error_description": words, "error_codes": [70000, code]}
        service.token_reply = lambda n, answer=answer: json_reply(answer, 400)  # type: ignore[misc]
        with pytest.raises(ConfigurationError, match=rf"AADSTS70000 AADSTS{code}.*Sign in again"):
            TokenSource(account, environment).access_token()


def test_a_doubtful_refusal_of_the_newest_token_is_not_hidden_by_an_older_token(
    service: Service, account: Account, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stored token is valid but refused by mistake; the connection's own was revoked long ago."""
    monkeypatch.setattr(refresh_tokens, "_DELAYS", (0.0,))
    replies = [DOUBT, oauth_error("invalid_grant", 50173)]
    service.token_reply = lambda n: replies[min(n, 2) - 1]
    store = InMemoryTokenStore()
    store.save("newest")
    source = TokenSource(account, environment, store)
    with pytest.raises(ServiceTransientError, match="AADSTS70000"):
        source.access_token()


def test_the_client_waits_that_minute_and_continues(
    service: Service, account: Account, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "DOUBTFUL_SECONDS", 0.2)
    replies = [DOUBT, GOOD]
    service.token_reply = lambda n: replies[min(n, 2) - 1]
    service.on("/Bulk/v13/BulkUploadStatus/Query", json_reply({"RequestStatus": "InProgress"}))
    started = time.monotonic()
    with Client(account, environment) as client:
        assert client.upload_status("r-1").state.value == "InProgress"
    assert time.monotonic() - started > 0.2
    assert service.tokens_issued == 2


def test_a_source_recovers(service: Service, account: Account, environment: Environment) -> None:
    replies = [Reply(500, b""), json_reply({"access_token": "access-ok", "expires_in": "3600"})]
    service.token_reply = lambda n: replies[min(n, 2) - 1]
    source = TokenSource(account, environment)
    with pytest.raises(TransientError):
        source.access_token()
    assert source.access_token() == "access-ok"


def test_a_refusal_is_not_repeated_from_the_cache(
    service: Service, account: Account, environment: Environment
) -> None:
    """msal itself would refuse the same token for a minute without a request (observed)."""
    replies = [oauth_error("invalid_grant"), json_reply({"access_token": "access-ok", "expires_in": "3600"})]
    service.token_reply = lambda n: replies[min(n, 2) - 1]
    source = TokenSource(account, environment)
    with pytest.raises(ConfigurationError):
        source.access_token()
    assert source.access_token() == "access-ok"


def test_proxies_and_certificates_of_the_environment_do_not_affect_loopback(
    service: Service, account: Account, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert TokenSource(account, environment).access_token() == "access-1"


def test_an_authority_with_invalid_metadata(
    service: Service, account: Account, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "reply_to", lambda path: json_reply({"token_endpoint": "http://x/token"}))
    with pytest.raises(ConfigurationError, match="base URL"):
        TokenSource(account, environment).access_token()


def test_an_unreachable_authority_is_a_transient_error(account: Account) -> None:
    with pytest.raises(TransientError, match="no connection"):
        TokenSource(account, Environment.at("http://127.0.0.1:9")).access_token()


def test_no_repr_shows_secrets(service: Service, account: Account, environment: Environment) -> None:
    source = TokenSource(account, environment)
    source.access_token()
    assert not [secret for secret in SECRETS if secret in repr(source) + repr(vars(source)["_http"])]
