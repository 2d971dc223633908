"""From the Airflow connection to account, environment and client; what is wrong with one is said by field."""

from __future__ import annotations

import json
import re
from importlib import import_module
from importlib.metadata import entry_points, version
from importlib.resources import files
from typing import Any

import pytest
import time_machine
from airflow.sdk import Connection
from jsonschema import validate  # type: ignore[import-untyped]  # it has no types

from airflow_microsoft_advertising import hook as hook_module
from airflow_microsoft_advertising.hook import (
    MicrosoftAdvertisingHook,
    account_of,
    environment_of,
    transport_of,
)
from airflow_microsoft_advertising.provider_info import get_provider_info
from customer_match.errors import ConfigurationError
from customer_match_demo.processes import free_port
from customer_match_demo.stack import account_connection
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.client import Client
from microsoft_advertising.limits import SOAP_ENDS
from microsoft_advertising.retrying import RetryPolicy
from microsoft_advertising.transport.choice import TransportName
from tests.airflow_microsoft_advertising.conftest import EXTRA, SECRETS, Connect
from tests.microsoft_advertising_simulator.api import Simulator


def connection(**changes: Any) -> Connection:
    fields: dict[str, Any] = {
        "conn_id": "ads",
        "conn_type": "microsoft_advertising",
        "login": "some-client-id",
        "password": SECRETS["client_secret"],
        "extra": json.dumps(EXTRA),
    }
    return Connection(**(fields | changes))


def with_extra(**changes: Any) -> Connection:
    return connection(extra=json.dumps(EXTRA | changes))


def assert_no_secret(text: str) -> None:
    assert not [name for name, value in SECRETS.items() if value in text]


# --- Account -----------------------------------------------------------------------------------------------


def test_the_account_of_a_connection() -> None:
    account = account_of(connection())
    assert (account.client_id, account.customer_id, account.account_id) == (
        "some-client-id",
        "190000001",
        "180000001",
    )
    assert account.client_secret
    shown = {
        "client_secret": account.client_secret.get_secret_value(),
        "refresh_token": account.refresh_token.get_secret_value(),
        "developer_token": account.developer_token.get_secret_value(),
    }
    assert shown == SECRETS
    assert_no_secret(repr(account) + str(account))


def test_ids_of_the_export_win_over_those_of_the_connection() -> None:
    account = account_of(connection(), customer_id="7", account_id="8")
    assert (account.customer_id, account.account_id) == ("7", "8")


def test_a_public_client_has_no_secret() -> None:
    assert account_of(connection(password="")).client_secret is None
    assert account_of(connection(password=None)).client_secret is None


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"login": ""}, "Client ID"),
        ({"login": None}, "Client ID"),
        ({"extra": {"refresh_token": ""}}, "Refresh token"),
        ({"extra": {"refresh_token": "  "}}, "Refresh token"),
        ({"extra": {"refresh_token": ["hidden-refresh-token"]}}, "Refresh token"),
        ({"extra": {"developer_token": None}}, "Developer token"),
        ({"extra": {"customer_id": ""}}, "Customer ID (cid)"),
        ({"extra": {"customer_id": "hidden-refresh-token"}}, "Customer ID (cid)"),
        ({"extra": {"account_id": "12 34"}}, "Account ID (aid)"),
        ({"extra": {"account_id": -5}}, "Account ID (aid)"),
    ],
)
def test_an_unusable_value_is_named_by_its_field(changes: dict[str, Any], field: str) -> None:
    changed = with_extra(**changes["extra"]) if "extra" in changes else connection(**changes)
    with pytest.raises(ConfigurationError) as caught:
        account_of(changed)
    message = str(caught.value)
    assert message.startswith(f"The Airflow connection 'ads' lacks a usable value for: {field}.")
    assert "Admin > Connections" in message
    assert_no_secret(message)
    assert caught.value.__cause__ is None, "it would show what was entered"
    assert caught.value.__suppress_context__


@pytest.mark.bad_input
def test_an_empty_connection_names_every_field() -> None:
    with pytest.raises(ConfigurationError) as caught:
        account_of(connection(login=None, password=None, extra=None))
    for field in ("Client ID", "Refresh token", "Developer token", "Customer ID (cid)", "Account ID (aid)"):
        assert field in str(caught.value)
    assert "Client secret" not in str(caught.value)


# --- Environment -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "name", "sandbox"),
    [
        ({}, "production", False),
        ({"environment": ""}, "production", False),
        ({"environment": " production\u00a0", "base_url": " "}, "production", False),
        ({"environment": "sandbox"}, "sandbox", True),
        ({"environment": "other", "base_url": "http://127.0.0.1:1/"}, "http://127.0.0.1:1", False),
        ({"environment": "other", "base_url": " 'http://simulator:8470' "}, "http://simulator:8470", False),
    ],
)
def test_environments(extra: dict[str, Any], name: str, sandbox: bool) -> None:
    environment = environment_of(with_extra(**extra))
    assert (environment.name, environment.sandbox) == (name, sandbox)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"environment": "prod"}, "production or sandbox"),
        ({"environment": 1}, "production or sandbox"),
        ({"environment": "other"}, "base URL"),
        ({"environment": "other", "base_url": "ftp://host"}, "must look like https://host"),
        ({"environment": "other", "base_url": 8080}, "must look like https://host"),
        ({"environment": "other", "base_url": "http://u:hidden-refresh-token@host"}, "must look like"),
        ({"environment": "other", "base_url": "http://ads.contoso.com"}, "ads.contoso.com over http"),
        ({"environment": "other", "base_url": "http://10.0.0.5:8470"}, "10.0.0.5 over http"),
        (
            {"base_url": "http://127.0.0.1:1"},
            r"Base URL \(`base_url`\).*Environment \(`environment`\) 'production'",
        ),
        ({"environment": "production", "base_url": "https://x"}, "Set Environment to other"),
        ({"environment": "sandbox", "base_url": "https://x"}, "'sandbox'.*Set Environment to other"),
        ({"hosts": "https://upload.contoso.com"}, "Further hosts"),
        ({"tenant": "a/b"}, "A tenant is named by its id"),
    ],
)
def test_unusable_environments(extra: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        environment_of(with_extra(**extra))
    assert str(caught.value).startswith("The Airflow connection 'ads'")
    assert_no_secret(str(caught.value))


@pytest.mark.bad_input
def test_a_host_is_no_base_url() -> None:
    """It is hidden in the form, and part of a URI in an environment variable."""
    with pytest.raises(ConfigurationError, match="has a host, which is not used"):
        environment_of(connection(host="127.0.0.1"))


def test_further_hosts() -> None:
    assert environment_of(with_extra(hosts="up.contoso.com, 10.0.0.5:8443")).further_hosts == {
        "up.contoso.com", "10.0.0.5:8443",
    }  # fmt: skip


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("enviroment", "environment"),
        ("Environment", "environment"),
        ("refreshToken", "refresh_token"),
        ("developer-token", "developer_token"),
        ("base url", "base_url"),
        ("customerid", "customer_id"),
        ("cid", "customer_id"),
        ("host", "base_url"),
        ("terms_acceptedby", "terms_accepted_by"),
    ],
)
def test_a_misspelt_field_is_refused(connect: Connect, key: str, meant: str) -> None:
    connect(extra=EXTRA | {key: "sandbox"})
    with pytest.raises(ConfigurationError, match=f"extra field '{key}'.*Call it '{meant}'"):
        MicrosoftAdvertisingHook().get_conn()


def test_a_field_of_somebody_else_is_mentioned(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    hook_module._warn_once.cache_clear()
    connect(extra=EXTRA | {"owned_by": "marketing"})
    MicrosoftAdvertisingHook().account()
    MicrosoftAdvertisingHook().account()
    assert [record.getMessage() for record in caplog.records if "owned_by" in record.getMessage()] == [
        "Airflow connection 'microsoft_advertising_default': its extra field 'owned_by' is not known, and not used."
    ]


# --- What was pasted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"), [(" ", "\n"), ("\u00a0", "\u200b"), ('"', '"'), ("\ufeff“", "”\r\n")]
)
def test_what_was_pasted_around_a_value_does_not_count(before: str, after: str) -> None:
    extra = {key: f"{before}{value}{after}" for key, value in EXTRA.items()}
    pasted = connection(
        login=f"{before}some-client-id{after}",
        password=f"{before}{SECRETS['client_secret']}{after}",
        extra=json.dumps(extra),
    )
    assert account_of(pasted) == account_of(connection())


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"login": "some client-id"}, "Client ID"),
        ({"password": "hidden-client\nsecret"}, "Client secret"),
        ({"extra": {"refresh_token": "hidden-refresh\u200btoken"}}, "Refresh token"),
        ({"extra": {"developer_token": "hidden développeur"}}, "Developer token"),
    ],
)
def test_what_was_pasted_into_a_value_is_named_at_once(changes: dict[str, Any], field: str) -> None:
    changed = with_extra(**changes["extra"]) if "extra" in changes else connection(**changes)
    with pytest.raises(ConfigurationError, match=f"usable value for: {field}.*paste it again") as caught:
        account_of(changed)
    assert "hidden" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "number", ["F7654321", "X0000001", "C-1", "1.5e9", "0x1F", "123 456", "12345678901234567890"]
)
def test_the_number_that_the_pages_show_is_no_id(number: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Ids are digits|paste it again") as caught:
        account_of(with_extra(account_id=number))
    assert number not in str(caught.value)


# --- Transport ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rest", "soap"])
def test_the_transport_is_chosen_on_the_connection(name: str) -> None:
    assert transport_of(with_extra(transport=name)) is TransportName(name)


@pytest.mark.parametrize("extra", [{}, {"transport": ""}, {"transport": None}])
def test_without_a_choice_it_is_rest(extra: dict[str, Any]) -> None:
    assert transport_of(with_extra(**extra)) is TransportName.REST


def test_the_form_offers_what_there_is() -> None:
    schema = get_provider_info()["connection-types"][0]["conn-fields"]["transport"]["schema"]
    assert schema["enum"] == list(TransportName)


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["grpc", "REST", 1, ["rest"]])
def test_an_unknown_transport_is_named_by_its_field(name: object) -> None:
    with pytest.raises(ConfigurationError, match=r"'ads'.*field Transport to rest or soap"):
        transport_of(with_extra(transport=name))


@pytest.mark.parametrize(
    ("today", "words"),
    [("2026-11-01", None), ("2026-11-25", "in 67 days"), ("2027-02-01", "has switched off")],
)
def test_those_who_use_soap_are_warned_once_a_process(
    connect: Connect, caplog: pytest.LogCaptureFixture, today: str, words: str | None
) -> None:
    """And both clients speak what was chosen; neither asks the network for anything."""
    hook_module._warn_once.cache_clear()
    hook = MicrosoftAdvertisingHook(connect("ads", extra=EXTRA | {"transport": "soap"}))
    with time_machine.travel(today, tick=False):
        for _ in range(3):
            assert type(hook.get_conn()._transport).__name__ == "SoapTransport"
            assert type(hook.get_async_conn()._transport).__name__ == "AsyncSoapTransport"
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == (words is not None)
    if words:
        assert warnings[0].startswith("Airflow connection 'ads': The transport is soap")
        assert words in warnings[0]
    assert f"{SOAP_ENDS.day} {SOAP_ENDS:%B %Y}" in str(get_provider_info()), "the form tells the date"


def test_those_who_use_rest_are_not(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    hook_module._warn_once.cache_clear()
    MicrosoftAdvertisingHook(connect("ads")).get_conn()
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


# --- Hook --------------------------------------------------------------------------------------------------


def test_the_hook_finds_its_connection(connect: Connect) -> None:
    hook = MicrosoftAdvertisingHook(connect("ads"), account_id="8")
    assert (hook.account().customer_id, hook.account().account_id) == ("190000001", "8")
    assert hook.environment().name == "production"
    with hook.get_conn() as client:
        assert isinstance(client, Client)
        assert_no_secret(repr(hook) + repr(vars(hook)) + repr(client) + repr(vars(client)))
    assert isinstance(hook.get_async_conn(), AsyncClient)


@pytest.mark.bad_input
def test_no_such_connection() -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)no Airflow connection 'nowhere'.*Admin > Connections"):
        MicrosoftAdvertisingHook("nowhere").connection()


@pytest.mark.bad_input
def test_a_connection_of_another_type(connect: Connect) -> None:
    hook = MicrosoftAdvertisingHook(connect("ads", conn_type="wasb"))
    with pytest.raises(ConfigurationError, match="'ads' is of type 'wasb', not 'microsoft_advertising'"):
        hook.get_conn()


@pytest.mark.bad_input
def test_testing_an_incomplete_connection(connect: Connect) -> None:
    works, message = MicrosoftAdvertisingHook(connect("ads", login="")).test_connection()
    assert not works
    assert "Client ID" in message


# --- The button "Test", against the simulator ----------------------------------------------------------------


def connect_to(simulator: Simulator, connect: Connect, **extra: str) -> MicrosoftAdvertisingHook:
    """The connection to the simulator, with a few fields changed; `password` is the client secret."""
    fields = account_connection(simulator.ready)
    password = {"password": extra.pop("password")} if "password" in extra else {}
    connect(**fields | password | {"extra": fields["extra"] | extra})
    return MicrosoftAdvertisingHook()


def assert_is_advice(message: str, simulator: Simulator) -> None:
    """A sentence with a verb that asks for something, and no secret."""
    assert re.search(r"\b(Check|Sign|sign|Correct|Fill|Create|Try|give|Ask|need)\b", message), message
    assert message.endswith((".", "]")), message
    assert_no_secret(message)
    for secret in ("client_secret", "refresh_token", "developer_token"):
        assert simulator.ready[secret] not in message


@pytest.mark.system
def test_the_test_of_a_good_connection(simulator: Simulator, connect: Connect) -> None:
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert works, message
    ids = {key: simulator.ready[key] for key in ("account_id", "customer_id")}
    for words in (
        "Signed in as simulated.user. Account Simulated account (number SIM",
        f"id {ids['account_id']}, Active) of customer {ids['customer_id']}.",
        f"Environment {simulator.ready['base_url']}, transport rest.",
        "customer lists can be read; the feature is enabled for the customer.",
        "Terms: the service cannot be asked whether they were accepted",
    ):
        assert words in message
    hook = connect_to(simulator, connect, terms_accepted_by="Jane Doe", terms_accepted_on="2026-01-31")
    assert "Terms: accepted with every upload for Jane Doe" in hook.test_connection()[1]


@pytest.mark.system
def test_a_feature_that_the_service_does_not_name_is_no_failure(simulator: Simulator) -> None:
    """Its flag may be gone once everybody has it."""
    simulator.api.control("settings", {"pilot_features": [1, 2]})
    works, message = MicrosoftAdvertisingHook().test_connection()
    simulator.api.control("settings", {"pilot_features": [579]})
    assert works, message
    assert "do not name it (579). If uploads are refused, ask Microsoft Advertising support" in message
    simulator.api.fault("GetCustomerPilotFeatures", "fault", code=106)
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert works, message
    assert "whether the feature is enabled for the customer could not be asked" in message


@pytest.mark.system
@pytest.mark.bad_input
def test_an_account_whose_audiences_cannot_be_read(simulator: Simulator) -> None:
    simulator.api.fault("GetAudiencesByIds", "fault", code=106)
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert not works
    assert message.startswith("Signed in as simulated.user. Account Simulated account")
    assert "But: GetAudiencesByIds for account" in message
    assert_is_advice(message, simulator)


@pytest.mark.system
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "hidden-client-secret"}, "client secret"),
        ({"refresh_token": "hidden-refresh-token"}, "[Ss]ign in"),
        ({"developer_token": "hidden-developer-token"}, "developer token"),
        ({"account_id": "5"}, "account id"),
        ({"customer_id": "5"}, "customer id"),
        ({"base_url": "{base_url}/nowhere"}, "must look like|base URL"),
        ({"environment": "elsewhere"}, "production or sandbox"),
        ({"terms_accepted_by": "Jane Doe"}, "the day on which"),
    ],
)
def test_the_test_of_a_bad_connection(
    simulator: Simulator, connect: Connect, changes: dict[str, str], words: str
) -> None:
    base_url = simulator.ready["base_url"]
    changed = {key: value.format(base_url=base_url) for key, value in changes.items()}
    works, message = connect_to(simulator, connect, **changed).test_connection()
    assert not works
    assert re.search(words, message), message
    assert_is_advice(message, simulator)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"operation": "Token", "kind": "fault", "error": "invalid_grant", "times": 9}, "[Ss]ign in"),
    ({"operation": "Token", "kind": "fault", "error": "unauthorized_client"}, "[Cc]lient ID|client id"),
    ({"operation": "Token", "kind": "raw", "status": 404, "body": "<html>"}, "base URL"),
    ({"operation": "GetUser", "kind": "fault", "code": 108, "times": 9}, "Reset the password"),
    ({"operation": "GetUser", "kind": "fault", "code": 126, "times": 9}, "kind of account"),
    ({"operation": "GetUser", "kind": "fault", "code": 105, "times": 9}, "developer token"),
    ({"operation": "GetUser", "kind": "raw", "status": 403, "body": "<html>"}, "proxies"),
    ({"operation": "GetUser", "kind": "raw", "status": 200, "body": "<html>"}, "base URL"),
    ({"operation": "*", "kind": "raw", "status": 503, "body": "", "times": 99}, "Try again in some minutes"),
    ({"operation": "*", "kind": "drop", "times": 99}, "Try again in some minutes"),
    ({"operation": "*", "kind": "fault", "code": 117, "times": 99}, "Try again in some minutes"),
]


@pytest.mark.system
@pytest.mark.faults
@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_the_test_of_a_good_connection_to_a_service_that_fails(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)
    simulator.api.control("faults", fault)
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert not works
    assert re.search(words, message), message
    assert_is_advice(message, simulator)


@pytest.mark.system
@pytest.mark.faults
def test_the_test_tells_of_a_long_pause_and_does_not_keep_it(simulator: Simulator) -> None:
    simulator.api.control("faults", {"operation": "GetUser", "kind": "fault", "code": 117, "times": 99})
    simulator.api.control("requests", method="DELETE")
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert not works
    assert message.endswith("Try again in some minutes.")
    seen = [entry["operation"] for entry in simulator.api.control("requests")]
    assert seen.count("GetUser") == 1


@pytest.mark.system
def test_the_test_while_the_service_is_down(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)
    extra = EXTRA | {"environment": "other", "base_url": f"http://127.0.0.1:{free_port()}"}
    works, message = MicrosoftAdvertisingHook(connect(extra=extra)).test_connection()
    assert not works
    assert "180000001" in message
    assert "check network, proxies and the base URL" in message
    assert_no_secret(message)


# --- As a provider -----------------------------------------------------------------------------------------


def test_the_provider_is_valid_by_airflows_own_schema() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    validate(get_provider_info(), schema)


def test_the_entry_point_is_registered() -> None:
    [point] = [
        point
        for point in entry_points(group="apache_airflow_provider")
        if point.value.startswith("airflow_microsoft_advertising")
    ]
    assert point.load() is get_provider_info
    info = get_provider_info()
    assert info["versions"] == [version(info["package-name"])]


def test_what_the_provider_names_can_be_imported() -> None:
    [described] = get_provider_info()["connection-types"]
    names = [described["hook-class-name"], *get_provider_info()["extra-links"]]
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert getattr(import_module(module), attribute)
    assert described["connection-type"] == MicrosoftAdvertisingHook.conn_type
    assert described["hook-name"] == MicrosoftAdvertisingHook.hook_name


def test_every_field_of_the_form_is_read_and_secrets_are_hidden() -> None:
    fields = get_provider_info()["connection-types"][0]["conn-fields"]
    terms = {"terms_accepted_by", "terms_accepted_on"}
    assert set(fields) == {*EXTRA, *terms, "environment", "tenant", "base_url", "hosts", "transport"}
    hidden = {name for name, field in fields.items() if field["schema"].get("format") == "password"}
    assert hidden == {"refresh_token", "developer_token"}


def test_airflow_finds_the_hook() -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    hook = ProvidersManagerTaskRuntime().hooks["microsoft_advertising"]  # type: ignore[no-untyped-call]  # as above
    assert hook is not None
    assert (hook.hook_class_name, hook.hook_name) == (
        "airflow_microsoft_advertising.hook.MicrosoftAdvertisingHook",
        "Microsoft Advertising",
    )
    assert hook.connection_testable
