"""Evidence: what is complete, what is written, and that it names nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from customer_match.erasure.evidence import AudienceEvidence, Evidence, Outcome, Requests
from customer_match.errors import ConfigurationError
from tests.memory_storage import MemoryStorage

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def audience(outcome: Outcome, name: str = "Gold", reason: str | None = None) -> AudienceEvidence:
    return AudienceEvidence(account="2", audience=name, outcome=outcome, reason=reason, at=NOW)


def evidence(*audiences: AudienceEvidence, request: str = "20260504-1a2b3c4d") -> Evidence:
    return Evidence(
        request=request,
        received=date(2026, 5, 4),
        people=1,
        ids=("0" * 32,),
        register_number=1,
        audiences=audiences,
        checked_at=NOW,
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_a_request_is_complete_if_all_outcomes_are_final(outcome: Outcome) -> None:
    final = outcome in {Outcome.REMOVED, Outcome.NOT_A_MEMBER, Outcome.NO_AUDIENCE}
    assert evidence(audience(Outcome.REMOVED, "A"), audience(outcome, "B")).is_complete is final


@pytest.mark.parametrize(
    "missing", [{"unreached": ("Account 2: no connection",)}, {"runs_not_ended": ("runs/a/b",)}]
)
def test_what_could_not_be_looked_at_is_not_complete(missing: dict[str, tuple[str, ...]]) -> None:
    assert not evidence().model_copy(update=missing).is_complete


def test_a_later_outcome_takes_the_place_of_the_earlier_one() -> None:
    first = evidence(audience(Outcome.PENDING, "B"), audience(Outcome.REMOVED, "C"))
    later = first.with_audience(audience(Outcome.REMOVED, "B")).with_audience(audience(Outcome.REMOVED, "A"))
    assert [(one.audience, one.outcome) for one in later.audiences] == [
        ("A", Outcome.REMOVED), ("B", Outcome.REMOVED), ("C", Outcome.REMOVED),
    ]  # fmt: skip


def test_names_that_are_addresses_are_not_written() -> None:
    one = audience(Outcome.FAILED, "friends of eve@canary.example", "eve@canary.example failed")
    storage = MemoryStorage()
    Requests(storage).write(evidence(one).model_copy(update={"unreached": ()}))
    assert b"canary" not in b"".join(storage.files.values())
    [read] = Requests(storage).all()
    assert read.of("2", "friends of eve@canary.example") == one


def test_requests_are_read_oldest_first() -> None:
    storage = MemoryStorage()
    assert Requests(storage).all() == []
    for number in ("20260504-b", "20260403-c", "20260504-a"):
        Requests(storage).write(evidence(request=number))
    assert [one.request for one in Requests(storage).all()] == ["20260403-c", "20260504-a", "20260504-b"]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"request": 7}'])
def test_damaged_evidence_is_named(damage: bytes) -> None:
    storage = MemoryStorage()
    storage.files["erasure/requests/20260504-a.json"] = damage
    with pytest.raises(ConfigurationError, match=r"20260504-a\.json of the workspace is damaged"):
        Requests(storage).all()
