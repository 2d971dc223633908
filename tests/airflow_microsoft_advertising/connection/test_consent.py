"""The agreement to data privacy: who, when and which text, or none; and what a message says to do about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_microsoft_advertising.connection.consent import (
    agreed_fields,
    agreement_of,
    recorded_name,
    require_agreement,
    withdrawn_fields,
)
from customer_match.data_privacy import PrivacyAgreement, current_text_id
from customer_match.errors import ConfigurationError
from tests.airflow_microsoft_advertising.conftest import AGREED

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
JANE = PrivacyAgreement(by="Jane Doe", on=NOON, text=current_text_id())


def connection(**extra: Any) -> Connection:
    return Connection(conn_id="ads", conn_type="microsoft_advertising", extra=json.dumps(extra))


def test_who_when_and_which_text() -> None:
    agreement = require_agreement(connection(**AGREED))
    assert agreement.by == "Jane Doe"
    assert agreement.on == datetime(2026, 1, 31, 10, 20, 30, tzinfo=UTC)
    assert agreement.text == current_text_id()


@pytest.mark.parametrize(
    ("written", "on"),
    [
        ("2026-01-31", NOON.replace(hour=0)),
        ("2026-01-31T13:00:00+01:00", NOON),
        ("2026-01-31T12:00", NOON),
        ("2026-01-31T12:00:00Z", NOON),
    ],
)
def test_a_day_or_a_time(written: str, on: datetime) -> None:
    found = agreement_of(connection(**AGREED | {"privacy_agreed_on": written}))
    assert found == JANE.model_copy(update={"on": on})


def test_what_is_written_is_read_again() -> None:
    assert agreement_of(connection(**agreed_fields(JANE))) == JANE


def test_withdrawal_ends_it_and_says_by_whom() -> None:
    fields = agreed_fields(JANE) | withdrawn_fields("Bob", NOON)
    assert agreement_of(connection(**fields)) is None
    with pytest.raises(ConfigurationError, match=r"any more \(withdrawn by Bob, 2026-01-31 12:00 UTC\)"):
        require_agreement(connection(**fields))
    again = fields | agreed_fields(JANE)
    assert again["privacy_withdrawn"] == ""
    assert require_agreement(connection(**again)) == JANE


def test_without_agreement_the_message_says_where_a_person_agrees() -> None:
    words = (
        r"The Airflow connection 'ads' has no agreement to data privacy, so nothing may be sent\. .*"
        r"Browse > Audience connections, or with `customer-match consent give ads`\."
    )
    with pytest.raises(ConfigurationError, match=words) as caught:
        require_agreement(connection())
    assert caught.value.key == "connection"


def test_where_the_environment_defines_the_connection_the_message_names_the_fields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ADS", "{}")
    with pytest.raises(ConfigurationError, match=r"environment variable AIRFLOW_CONN_ADS") as caught:
        require_agreement(connection())
    for words in ("`privacy_agreed_by`", "`privacy_agreed_on`", f"`privacy_text` with {current_text_id()}"):
        assert words in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"privacy_agreed_on": ""}, "Fill in the day on which they were agreed to, or empty both fields"),
        ({"privacy_agreed_by": ""}, "Fill in who agreed to them, or empty both fields"),
        ({"privacy_agreed_by": "jane@example.com"}, "not an e-mail address"),
        ({"privacy_agreed_on": "31.1.2026"}, "a day such as 2026-01-31"),
        ({"privacy_agreed_on": (datetime.now(UTC) + timedelta(days=3)).isoformat()}, "of the future"),
        ({"privacy_text": ""}, f"name no text.*set `privacy_text` to {current_text_id()}"),
        ({"privacy_text": "1-000000000000"}, "name the text '1-000000000000', which there is not"),
    ],
)
def test_what_is_no_agreement(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        require_agreement(connection(**AGREED | changes))
    assert str(caught.value).startswith(
        "The Airflow connection 'ads': the fields of the agreement to data privacy"
    )
    assert "jane@" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("jane", "jane"),
        ("jane.doe@example.com", "jane.doe"),
        ("jane\uff20example.com", "a user whose name is an address"),
    ],
)
def test_reports_call_a_user_by_no_address(user: str, name: str) -> None:
    assert recorded_name(user) == name
