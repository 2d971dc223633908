"""What is said of an audience's sizes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from customer_match.planning.sizes import Matched, Readiness, Sizes, size_of_audience

READY, SMALL, UNKNOWN, MISSING = (
    Readiness.READY,
    Readiness.TOO_SMALL,
    Readiness.NOT_KNOWN_YET,
    Readiness.MISSING,
)


@pytest.mark.parametrize(
    ("matched", "members", "readiness", "words"),
    [
        (Matched(300, 300), 5_000, READY, None),
        (Matched(299, 300), 5_000, SMALL, "serving needs 300 matched users"),
        (Matched(300, 299), 5_000, SMALL, "serving needs 300 matched users"),
        (Matched(299, None), 5_000, SMALL, "serving needs 300 matched users"),
        (Matched(None, None), 5_000, UNKNOWN, "up to 48 hours"),
        (Matched(300, None), 5_000, UNKNOWN, "up to 48 hours"),
        (Matched(0, 0), 5_000, SMALL, "though 5,000 members were delivered. If it was emptied by hand"),
        (Matched(0, 0), 299, SMALL, "serving needs 300 matched users"),
        (None, 5_000, MISSING, "creates it again"),
    ],
)
def test_sizes_are_judged_with_what_users_should_know(
    matched: Matched | None, members: int, readiness: Readiness, words: str | None
) -> None:
    reading = size_of_audience(
        "VIPs", "7", matched, members=members, least=300, least_for_bids=1_000, hours=48
    )
    assert reading.readiness is readiness
    assert (words or "") in (reading.message or "")
    assert (reading.message is None) == (words is None)
    assert (reading.search_size, reading.network_size) == (matched or (None, None))
    assert ("emptied" in (reading.message or "")) == (matched == (0, 0) and members >= 300)


def test_only_what_a_person_can_do_something_about_needs_attention() -> None:
    assert {readiness for readiness in Readiness if readiness.needs_attention} == {SMALL, MISSING}


def test_the_reading_of_an_audience_and_json() -> None:
    reading = size_of_audience(
        "VIPs", "7", Matched(1, None), members=0, least=300, least_for_bids=1_000, hours=48
    )
    sizes = Sizes(read_at=datetime.now(UTC), readings=(reading,))
    again = Sizes.model_validate_json(sizes.model_dump_json())
    assert again == sizes
    assert (again.of("VIPs"), again.of("Others")) == (reading, None)
