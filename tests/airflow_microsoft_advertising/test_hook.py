"""From the Airflow connection to a client."""

from __future__ import annotations

import pytest
import time_machine

from airflow_microsoft_advertising import hook as hook_module
from airflow_microsoft_advertising.hook import (
    MicrosoftAdvertisingHook,
)
from airflow_microsoft_advertising.provider_info import get_provider_info
from customer_match.errors import ConfigurationError
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.client import Client
from microsoft_advertising.limits import SOAP_ENDS
from tests.airflow_microsoft_advertising.conftest import EXTRA, Connect, assert_no_secret


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
    with pytest.raises(ConfigurationError, match=f"extra field '{key}'.*Rename it to '{meant}'"):
        MicrosoftAdvertisingHook().get_conn()


def test_a_field_of_somebody_else_is_mentioned(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    hook_module._warn_once.cache_clear()
    connect(extra=EXTRA | {"owned_by": "marketing"})
    MicrosoftAdvertisingHook().account()
    MicrosoftAdvertisingHook().account()
    assert [record.getMessage() for record in caplog.records if "owned_by" in record.getMessage()] == [
        "Airflow connection 'microsoft_advertising_default': its extra field 'owned_by' is unknown and is ignored."
    ]


def warnings_of_ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Airflow warns in between, once a process, that a secret is too short to be masked."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING" and record.name.startswith("airflow_microsoft_advertising")
    ]


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
    warnings = warnings_of_ours(caplog)
    assert len(warnings) == (words is not None)
    if words:
        assert warnings[0].startswith("Airflow connection 'ads': The transport is soap")
        assert words in warnings[0]
    assert f"{SOAP_ENDS.day} {SOAP_ENDS:%B %Y}" in str(get_provider_info()), "the form tells the date"


@pytest.mark.parametrize("today", ["2026-11-25", "2027-01-31", "2027-02-01", "2030-01-01"])
def test_those_who_use_rest_are_not(connect: Connect, caplog: pytest.LogCaptureFixture, today: str) -> None:
    hook_module._warn_once.cache_clear()
    with time_machine.travel(today, tick=False):
        MicrosoftAdvertisingHook(connect("ads")).get_conn()
    assert warnings_of_ours(caplog) == []


def test_the_hook_finds_its_connection(connect: Connect) -> None:
    hook = MicrosoftAdvertisingHook(connect("ads"), account_id="8")
    assert (hook.account().customer_id, hook.account().account_id) == ("190000001", "8")
    assert hook.environment().name == "production"
    with hook.get_conn() as client:
        assert isinstance(client, Client)
        assert_no_secret(repr(hook) + repr(vars(hook)) + repr(client) + repr(vars(client)))
    assert isinstance(hook.get_async_conn(), AsyncClient)


@pytest.mark.bad_input
def test_a_missing_connection_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)no Airflow connection 'nowhere'.*Admin > Connections"):
        MicrosoftAdvertisingHook("nowhere").connection()


@pytest.mark.bad_input
def test_a_connection_of_another_type(connect: Connect) -> None:
    hook = MicrosoftAdvertisingHook(connect("ads", conn_type="wasb"))
    with pytest.raises(ConfigurationError, match="'ads' is of type 'wasb', not 'microsoft_advertising'"):
        hook.get_conn()
