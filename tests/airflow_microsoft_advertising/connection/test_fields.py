"""Account, environment and transport from the fields of a connection. Errors name the field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_microsoft_advertising.hook import (
    account_of,
    environment_of,
    transport_of,
)
from airflow_microsoft_advertising.provider_info import get_provider_info
from customer_match.errors import ConfigurationError
from microsoft_advertising.transport.choice import TransportName
from tests.airflow_microsoft_advertising.conftest import EXTRA, SECRETS, assert_no_secret


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


def test_ids_of_the_export_take_precedence_over_those_of_the_connection() -> None:
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
def test_an_error_names_the_field_of_an_invalid_value(changes: dict[str, Any], field: str) -> None:
    changed = with_extra(**changes["extra"]) if "extra" in changes else connection(**changes)
    with pytest.raises(ConfigurationError) as caught:
        account_of(changed)
    message = str(caught.value)
    assert message.startswith(f"The Airflow connection 'ads' has no valid value for: {field}.")
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
def test_a_connection_names_its_environment(extra: dict[str, Any], name: str, sandbox: bool) -> None:
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
        ({"environment": "other", "base_url": "http://ads.contoso.com"}, "http for ads.contoso.com"),
        ({"environment": "other", "base_url": "http://10.0.0.5:8470"}, "http for 10.0.0.5"),
        (
            {"base_url": "http://127.0.0.1:1"},
            r"Base URL \(`base_url`\).*Environment \(`environment`\) 'production'",
        ),
        ({"environment": "production", "base_url": "https://x"}, "Set Environment to other"),
        ({"environment": "sandbox", "base_url": "https://x"}, "'sandbox'.*Set Environment to other"),
        ({"hosts": "https://upload.contoso.com"}, "Further hosts"),
        ({"tenant": "a/b"}, "The tenant must be given by its id"),
    ],
)
def test_an_invalid_environment_is_rejected(extra: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        environment_of(with_extra(**extra))
    assert str(caught.value).startswith("The Airflow connection 'ads'")
    assert_no_secret(str(caught.value))


@pytest.mark.bad_input
def test_a_host_is_no_base_url() -> None:
    """It is hidden in the form, and part of a URI in an environment variable."""
    with pytest.raises(ConfigurationError, match="has a host, which is not used"):
        environment_of(connection(host="127.0.0.1"))
    assert environment_of(connection(host=" ")).name == "production"


def test_further_hosts_are_those_of_the_connection() -> None:
    assert environment_of(with_extra(hosts="up.contoso.com, 10.0.0.5:8443")).further_hosts == {
        "up.contoso.com", "10.0.0.5:8443",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"), [(" ", "\n"), ("\u00a0", "\u200b"), ('"', '"'), ("\ufeff“", "”\r\n")]
)
def test_characters_pasted_around_a_value_are_ignored(before: str, after: str) -> None:
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
def test_characters_pasted_into_a_value_are_reported(changes: dict[str, Any], field: str) -> None:
    changed = with_extra(**changes["extra"]) if "extra" in changes else connection(**changes)
    with pytest.raises(ConfigurationError, match=f"valid value for: {field}.*Paste it again") as caught:
        account_of(changed)
    assert "hidden" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "number", ["F7654321", "X0000001", "C-1", "1.5e9", "0x1F", "123 456", "12345678901234567890"]
)
def test_the_account_number_of_the_pages_is_rejected_as_id(number: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Ids consist of digits|Paste it again") as caught:
        account_of(with_extra(account_id=number))
    assert number not in str(caught.value)


@pytest.mark.parametrize("name", ["rest", "soap"])
def test_the_transport_is_chosen_on_the_connection(name: str) -> None:
    assert transport_of(with_extra(transport=name)) is TransportName(name)


@pytest.mark.parametrize("extra", [{}, {"transport": ""}, {"transport": None}])
def test_the_default_transport_is_rest(extra: dict[str, Any]) -> None:
    assert transport_of(with_extra(**extra)) is TransportName.REST


def test_the_form_offers_all_choices() -> None:
    schema = get_provider_info()["connection-types"][0]["conn-fields"]["transport"]["schema"]
    assert schema["enum"] == list(TransportName)


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["grpc", "REST", 1, ["rest"]])
def test_an_error_names_the_field_of_an_unknown_transport(name: object) -> None:
    with pytest.raises(ConfigurationError, match=r"'ads'.*field Transport to rest or soap"):
        transport_of(with_extra(transport=name))


@pytest.mark.parametrize(
    ("variable", "words", "advice"),
    [
        (None, "Correct it under Admin > Connections.", False),
        ('{"conn_type": "x"}', "Correct it in the environment variable AIRFLOW_CONN_ADS.", False),
        (
            "microsoft-advertising://id:x@/?refresh_token=a+b",
            "Correct it in the environment variable AIRFLOW_CONN_ADS.",
            True,
        ),
    ],
)
def test_an_error_says_where_to_correct_the_connection(
    variable: str | None, words: str, advice: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an environment variable defines cannot be corrected on the page."""
    if variable:
        monkeypatch.setenv("AIRFLOW_CONN_ADS", variable)
    with pytest.raises(ConfigurationError) as caught:
        account_of(with_extra(refresh_token="a b"))
    assert words in str(caught.value)
    assert ("percent-encoded" in str(caught.value)) is advice


def test_an_error_names_the_secrets_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "some.Backend")
    with pytest.raises(ConfigurationError, match="under Admin > Connections or in the secrets backend"):
        account_of(connection(login=""))
