"""What a page shows of an export at a glance."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from customer_match.history.model import SCHEMA, HistoryRow
from customer_match.history.overview import OVERVIEW_COLUMNS, AudienceOverview, Overview, overview_of
from customer_match.history.rows import rows_of
from customer_match.planning.sizes import AudienceSize, Readiness
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunState
from tests.customer_match.history.runs import DAY, report_on, rows_on
from tests.customer_match.runs.reports import UNDELIVERED, a_segment


def overview(*runs: list[HistoryRow]) -> Overview | None:
    rows = [row.model_dump() for run in runs for row in run]
    return overview_of(pa.Table.from_pylist(rows, schema=SCHEMA).select(OVERVIEW_COLUMNS))


def one(*runs: list[HistoryRow]) -> AudienceOverview:
    found = overview(*runs)
    assert found is not None
    [audience] = found.audiences
    return audience


def run(day: int, **segment: Any) -> list[HistoryRow]:
    return rows_of(report_on(day, a_segment(**segment)))


def sized(search: int | None, network: int | None, members: int = 1_000) -> AudienceSize:
    return AudienceSize(
        audience="VIPs",
        audience_id="77",
        readiness=Readiness.READY,
        search_size=search,
        network_size=network,
        members=members,
    )


def test_without_runs_there_is_nothing_to_see() -> None:
    assert overview() is None
    assert overview(rows_on(1, dry_run=True)) is None


def test_the_head_is_the_last_run_that_was_no_dry_run() -> None:
    found = overview(rows_on(1), rows_on(2), rows_on(3, dry_run=True))
    assert found is not None
    assert (found.run_id, found.state, found.started) == ("run 2", RunState.SUCCESS, DAY.replace(day=3))


def test_the_counts_of_an_audience_are_those_of_the_last_run() -> None:
    audience = one(run(1, members=900), run(2, members=1_000, added=150, removed=50))
    assert (audience.members, audience.added, audience.removed) == (1_000, 150, 50)
    assert audience.members_course == (900, 1_000)
    assert audience.read == DAY.replace(day=3)


def test_a_failed_run_shows_its_message_and_the_counts_of_the_run_before() -> None:
    failed = {**UNDELIVERED, "message": "validate: no such table", "valid": None, "members": None}
    audience = one(run(1, members=900, valid=950), run(2, **failed, guards=("max_shrink",)))
    assert (audience.outcome, audience.message) == (Outcome.FAILED, "validate: no such table")
    assert (audience.guards, audience.members, audience.valid) == ("max_shrink", 900, 950)
    assert audience.read == DAY.replace(day=2)
    assert audience.members_course == (900, None)


def test_a_failed_upload_shows_the_members_that_were_delivered_before() -> None:
    delivered = run(1, members=900, added=40, removed=5)
    audience = one(delivered, run(2, **UNDELIVERED, members=3_000, profiles=4_000))
    assert (audience.members, audience.added, audience.removed) == (900, 40, 5)
    assert audience.members_course == (900, None)
    assert (audience.profiles, audience.read) == (4_000, DAY.replace(day=3)), "the table was read"


def test_an_audience_that_was_never_delivered_has_no_members() -> None:
    audience = one(run(1, **UNDELIVERED, members=3_000))
    assert (audience.members, audience.added, audience.members_course) == (None, None, (None,))


def test_the_share_of_valid_rows_is_of_those_that_were_checked() -> None:
    audience = one(run(1, profiles=1_000, valid=600, rejected={"missing": 150, "too_long": 50}))
    assert audience.rejected == {"missing": 150, "too_long": 50}
    assert (audience.checked, audience.valid_share) == (800, 0.75)
    assert one(run(1, valid=0, rejected={})).valid_share is None
    assert one(run(1, valid=None)).valid_share is None


def test_sizes_are_those_that_were_read_last() -> None:
    """A run of an hour ago may not know them, because the service did not answer."""
    audience = one(run(1, sizes=sized(250, 700)), run(2, sizes=sized(None, 800)), run(3, sizes=None))
    assert (audience.size, audience.match_rate) == (800, 0.8)
    assert audience.match_course == (0.25, 0.8, None)


def test_the_id_stays_known_after_a_run_that_sent_nothing() -> None:
    assert one(run(1, audience_id="77"), run(2, audience_id=None)).audience_id == "77"


def test_audiences_are_in_the_order_of_the_last_run() -> None:
    """An audience that a later run did not work on comes last, with its own last run."""
    found = overview(rows_on(1, [10, 20, 30]), rows_on(2, [11, 21]))
    assert found is not None
    assert [(a.audience, a.members) for a in found.audiences] == [
        ("VIPs 0", 11),
        ("VIPs 1", 21),
        ("VIPs 2", 30),
    ]


def test_it_can_be_divided_and_put_together() -> None:
    found = overview(rows_on(1, range(1, 8)))
    assert found is not None
    head, pieces = found.pieces(3)
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    assert Overview.of_pieces(head, pieces) == found
    assert overview(rows_on(1, [])) is not None
