"""Errors of the authority become advice, without text that could name a user."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.errors import ConfigurationError, TransientError
from microsoft_advertising.auth.authority_errors import ADVICE, refusal
from microsoft_advertising.faults import Origin

ORIGIN = Origin("signing in", "")


@pytest.mark.parametrize("number", sorted(ADVICE))
def test_every_code_gives_its_advice(number: int) -> None:
    answer = {
        "error": "invalid_request",
        "error_description": f"AADSTS{number}: somebody@example.com may not. Trace ID: 0a",
    }
    error = refusal(answer, ORIGIN)
    assert isinstance(error, ConfigurationError)
    assert str(error) == f"signing in: invalid_request (AADSTS{number}): {ADVICE[number]}"
    assert ADVICE[number].endswith(".")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "the user declined"),
        ("invalid_grant", "Sign in again"),
        ("interaction_required", "Sign in again"),
        ("invalid_client", "client secret"),
        ("something_new", "client id"),
        (None, "unknown_error"),
    ],
)
def test_without_a_known_code_the_error_decides(error: str | None, words: str) -> None:
    for description in (None, "nothing", "AADSTS12345: unknown"):
        found = refusal({"error": error, "error_description": description}, ORIGIN)
        assert isinstance(found, ConfigurationError)
        assert words in str(found)


def test_a_known_code_wins_over_an_unknown_one() -> None:
    description = "AADSTS12345: x AADSTS7000222: expired"
    found = str(refusal({"error": "invalid_client", "error_description": description}, ORIGIN))
    assert "(AADSTS12345 AADSTS7000222)" in found
    assert "has expired" in found


@pytest.mark.parametrize("error", ["temporarily_unavailable", "server_error", "slow_down"])
def test_temporary_errors_are_transient(error: str) -> None:
    found = refusal({"error": error}, ORIGIN)
    assert isinstance(found, TransientError)
    assert found.retry_after


@given(st.text(), st.text())
def test_nothing_of_the_authoritys_text_is_repeated(error: str, description: str) -> None:
    secret = "somebody@example.com"
    answer = {"error": error, "error_description": f"{description} {secret} {description}"}
    assert secret not in str(refusal(answer, ORIGIN))
