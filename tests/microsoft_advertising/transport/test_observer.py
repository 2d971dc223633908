"""What an observer is told: each call with its code, and each wait before a call is repeated."""

from __future__ import annotations

import pytest

from customer_match.errors import TransientError
from microsoft_advertising.faults import (
    Origin,
    OutcomeUnknown,
    ResultsExpired,
    ServiceConfigurationError,
    ServiceError,
    ServiceTransientError,
    UploadUrlExpired,
    error_of,
    error_of_status,
)
from microsoft_advertising.hosts import ForeignHost
from microsoft_advertising.retrying import RetryPolicy
from microsoft_advertising.transport.observer import Observer, Wait, watch


class Notes(Observer):
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.waits: list[tuple[Wait, float]] = []

    def on_call(self, service: str, code: str) -> None:
        self.calls.append((service, code))

    def on_wait(self, reason: Wait, seconds: float) -> None:
        self.waits.append((reason, seconds))


def lost(cause: Exception) -> OutcomeUnknown:
    error = OutcomeUnknown("the answer was lost")
    error.__cause__ = cause
    return error


WHERE = Origin("AddAudiences", "180000001")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (error_of((ServiceError(117, ""), ServiceError(0, "")), WHERE), "117"),
        (ServiceConfigurationError("refused", codes=(105,)), "105"),
        (lost(ServiceTransientError("no answer", codes=(0,))), "0"),
        (lost(ServiceTransientError("no answer")), "unavailable"),
        (OutcomeUnknown("the answer has another shape"), "unavailable"),
        (error_of_status(503, WHERE), "unavailable"),
        (error_of_status(404, WHERE), "refused"),
        (UploadUrlExpired("another one is needed"), "expired"),
        (ResultsExpired("another one is needed"), "expired"),
        (ForeignHost("elsewhere"), "refused"),
    ],
)
def test_a_failed_call_has_a_code(error: Exception, code: str) -> None:
    notes = Notes()
    with pytest.raises(type(error)), watch(notes, "Bulk"):
        raise error
    assert notes.calls == [("Bulk", code)]


def test_each_try_is_a_call_and_each_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    notes, errors = Notes(), [TransientError("busy", retry_after=7), TransientError("busy")]
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)

    def call() -> str:
        with watch(notes, "Bulk"):
            if errors:
                raise errors.pop(0)
            return "done"

    assert RetryPolicy(first_wait=0.5).observed_by(notes).call(call) == "done"
    assert notes.calls == [("Bulk", "unavailable"), ("Bulk", "unavailable"), ("Bulk", "ok")]
    (_, asked), (_, own) = notes.waits
    assert {reason for reason, _ in notes.waits} == {"retry"}
    assert 7 <= asked <= 7.7
    assert 1 <= own <= 2


def test_a_policy_is_the_same_whoever_observes_it() -> None:
    assert RetryPolicy().observed_by(Notes()) == RetryPolicy()
