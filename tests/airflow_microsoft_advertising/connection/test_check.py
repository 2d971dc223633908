"""The button *Test* of a connection, against the simulator."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_microsoft_advertising.hook import (
    MicrosoftAdvertisingHook,
)
from customer_match_demo.processes import free_port
from customer_match_demo.stack import account_connection
from microsoft_advertising.retrying import RetryPolicy
from tests.airflow_microsoft_advertising.conftest import EXTRA, Connect, assert_no_secret
from tests.microsoft_advertising_simulator.api import Simulator


@pytest.mark.bad_input
def test_testing_an_incomplete_connection(connect: Connect) -> None:
    works, message = MicrosoftAdvertisingHook(connect("ads", login="")).test_connection()
    assert not works
    assert "Client ID" in message


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
        "customer lists; the feature is enabled for the customer.",
        "Terms: the service does not say whether they were accepted",
    ):
        assert words in message
    hook = connect_to(simulator, connect, terms_accepted_by="Jane Doe", terms_accepted_on="2026-01-31")
    assert "Terms: accepted with every upload for Jane Doe" in hook.test_connection()[1]


@pytest.mark.system
def test_a_feature_that_the_service_does_not_list_is_no_failure(simulator: Simulator) -> None:
    """Its flag may disappear once all customers have it."""
    simulator.api.control("settings", {"pilot_features": [1, 2]})
    works, message = MicrosoftAdvertisingHook().test_connection()
    simulator.api.control("settings", {"pilot_features": [579]})
    assert works, message
    assert "do not include it (579). If uploads are refused, ask Microsoft Advertising support" in message
    simulator.api.fault("GetCustomerPilotFeatures", "fault", code=106)
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert works, message
    assert "the service did not say whether the feature is enabled for the customer" in message


@pytest.mark.system
@pytest.mark.bad_input
def test_an_account_whose_audiences_cannot_be_read(simulator: Simulator) -> None:
    simulator.api.fault("GetAudiencesByIds", "fault", code=106)
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert not works
    assert message.startswith("Signed in as simulated.user. Account Simulated account")
    assert "But the test failed: GetAudiencesByIds for account" in message
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
    ({"operation": "GetUser", "kind": "raw", "status": 403, "body": "<html>"}, "proxy"),
    ({"operation": "GetUser", "kind": "raw", "status": 200, "body": "<html>"}, "base URL"),
    ({"operation": "*", "kind": "raw", "status": 503, "body": "", "times": 99}, "Try again in a few minutes"),
    ({"operation": "*", "kind": "drop", "times": 99}, "Try again in a few minutes"),
    ({"operation": "*", "kind": "fault", "code": 117, "times": 99}, "Try again in a few minutes"),
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
def test_the_test_reports_a_long_wait_and_does_not_wait(simulator: Simulator) -> None:
    simulator.api.control("faults", {"operation": "GetUser", "kind": "fault", "code": 117, "times": 99})
    simulator.api.control("requests", method="DELETE")
    works, message = MicrosoftAdvertisingHook().test_connection()
    assert not works
    assert message.endswith("Try again in a few minutes.")
    seen = [entry["operation"] for entry in simulator.api.control("requests")]
    assert seen.count("GetUser") == 1


@pytest.mark.system
def test_the_test_while_the_service_is_down(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)
    extra = EXTRA | {"environment": "other", "base_url": f"http://127.0.0.1:{free_port()}"}
    works, message = MicrosoftAdvertisingHook(connect(extra=extra)).test_connection()
    assert not works
    assert "180000001" in message
    assert "check the network, any proxy and the base URL" in message
    assert_no_secret(message)
