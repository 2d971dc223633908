"""Who accepted the Customer Match terms: both fields of the connection or none, and never an address."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_microsoft_advertising.connection.terms import Terms, terms_of
from customer_match.errors import ConfigurationError


def connection(**extra: Any) -> Connection:
    return Connection(conn_id="ads", conn_type="microsoft_advertising", extra=json.dumps(extra))


@pytest.mark.parametrize(
    "extra", [{}, {"terms_accepted_by": None}, {"terms_accepted_by": " ", "terms_accepted_on": ""}]
)
def test_without_name_and_day_no_terms_are_accepted(extra: dict[str, Any]) -> None:
    assert terms_of(connection(**extra)) is None


def test_a_name_and_a_day_accept_the_terms() -> None:
    terms = terms_of(connection(terms_accepted_by=" Jane Doe ", terms_accepted_on="2026-01-31"))
    assert terms == Terms("Jane Doe", dt.date(2026, 1, 31))
    assert "Jane Doe" in str(terms)
    assert "2026-01-31" in str(terms)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("who", "when", "words"),
    [
        ("Jane Doe", "", "Fill in the day on which they were accepted, or empty both fields"),
        ("", "2026-01-31", "Fill in who accepted them, or empty both fields"),
        ("jane@example.com", "2026-01-31", "not an e-mail address"),
        ("jane\uff20example.com", "2026-01-31", "not an e-mail address"),
        ("jane%40example.com", "2026-01-31", "not an e-mail address"),
        ("Jane\nDoe", "2026-01-31", "in one line"),
        ("Jane Doe", "31.1.2026", "a day such as 2026-01-31"),
        ("Jane Doe", "2026-02-30", "a day such as 2026-01-31"),
        ("Jane Doe", "yesterday", "a day such as 2026-01-31"),
        ("Jane Doe", "2999-01-01", "in the future"),
    ],
)
def test_what_is_no_acceptance(who: str, when: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        terms_of(connection(terms_accepted_by=who, terms_accepted_on=when))
    assert str(caught.value).startswith("The Airflow connection 'ads': the Customer Match terms")
    assert "jane@" not in str(caught.value)
