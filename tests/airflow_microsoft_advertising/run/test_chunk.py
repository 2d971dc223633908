"""The step `chunk`: what is planned from the ledger and the table, and what stops it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.chunk import DRY_RUN, _part_size, chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.ledger.state import Renewal
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.planning.data_intervals import Force
from customer_match.runs.records import Step
from customer_match.runs.report import Outcome
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import summary_of
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import (
    DAY,
    FUTURE,
    GOLD,
    Lake,
    delivered,
    failure,
    people,
    prepare,
)

pytestmark = pytest.mark.slow


def test_parts_are_cut_at_the_exports_size(lake: Lake) -> None:
    run = lake.run(profiles_per_part=2)
    prepare(run, GOLD)
    plan = chunk_segment(run, GOLD).plan
    assert plan
    assert [(p.action.value, p.members.count) for p in plan.parts] == [("replace", 2), ("add", 1)]


def test_the_sandbox_takes_smaller_parts(lake: Lake, connect: Connect) -> None:
    from tests.airflow_microsoft_advertising.conftest import EXTRA

    assert _part_size(lake.run()) == 500_000
    connect(extra=EXTRA | {"environment": "sandbox"})
    assert 19_000 < _part_size(lake.run()) <= 20_000


def test_the_log_says_what_will_be_sent(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """At first nothing is known about the audience: no number is given for what may leave it."""
    caplog.set_level("INFO")
    first = lake.run()
    prepare(first, GOLD)
    assert "To send in 1 part by apply: 3 to add; the audience then holds these members only" in caplog.text
    delivered(first, GOLD)
    second = lake.run(name="run-2", interval_end=DAY + timedelta(days=1))
    prepare(second, GOLD)
    assert "Nothing to send: the audience already has exactly the segment's 3 members" in caplog.text
    lake.write("Gold", ["anna@example.com", "bob@example.com", "new@example.com"])
    third = lake.run(name="run-3", interval_end=DAY + timedelta(days=2))
    prepare(third, GOLD)
    assert "To send in 2 parts by apply: 1 to add, 1 to remove, 2 unchanged" in caplog.text


def test_the_second_run_sends_the_difference(lake: Lake) -> None:
    first = lake.run()
    prepare(first, GOLD)
    delivered(first, GOLD)
    lake.write("Gold", ["anna@example.com", "bob@example.com", "new@example.com"])
    second = lake.run(name="run-2", interval_end=DAY + timedelta(days=1))
    validate_segment(second, GOLD)
    normalise_segment(second, GOLD)
    plan = chunk_segment(second, GOLD).plan
    assert plan
    assert (plan.added, plan.removed, plan.unchanged, plan.replaces) == (1, 1, 2, False)
    full = chunk_segment(lake.run(name="run-2", interval_end=DAY + timedelta(days=1), full=True), GOLD).plan
    assert full
    assert full.replaces
    assert sum(part.members.count for part in full.parts) == 3


def test_an_older_interval_is_skipped_with_a_reason(lake: Lake) -> None:
    newer = lake.run(interval_end=DAY + timedelta(days=1))
    prepare(newer, GOLD)
    delivered(newer, GOLD)
    older = lake.run(name="backfill", interval_end=DAY)
    prepare(older, GOLD)
    chunked = chunk_segment(older, GOLD)
    assert chunked.plan is None
    assert chunked.skipped == (
        "The audience already holds newer data (up to 2026-05-02 00:00 UTC); an older interval does not "
        "overwrite it."
    )
    [segment] = write_report(older, [GOLD]).segments
    assert (segment.outcome, segment.message) == (Outcome.SKIPPED, chunked.skipped)
    same = lake.run(name="again", interval_end=DAY + timedelta(days=1))
    prepare(same, GOLD)
    assert chunk_segment(same, GOLD).skipped is None


def test_an_older_interval_by_force(lake: Lake) -> None:
    newer = lake.run(interval_end=DAY + timedelta(days=1))
    prepare(newer, GOLD)
    delivered(newer, GOLD)
    began = datetime.now(UTC)
    older = lake.run(name="backfill", force=True, began=began)
    prepare(older, GOLD)
    chunked = chunk_segment(older, GOLD)
    assert (chunked.skipped, chunked.force) == (None, Force(run="backfill", began=began))
    report = write_report(older, [GOLD])
    assert report.forced
    assert "force: older data is applied over newer data" in html_of(report)


def test_force_does_not_override_data_delivered_since_the_run_began(lake: Lake) -> None:
    older = lake.run(name="backfill", force=True, began=datetime.now(UTC))
    newer = lake.run(interval_end=DAY + timedelta(days=1))
    prepare(newer, GOLD)
    delivered(newer, GOLD, at=datetime.now(UTC))
    prepare(older, GOLD)
    assert "was running" in str(chunk_segment(older, GOLD).skipped)


def test_an_audience_with_data_of_the_future_fails_the_run(lake: Lake) -> None:
    """An earlier version wrote it, or a machine whose clock was ahead."""
    ahead = lake.run(interval_end=FUTURE)
    prepare(ahead, GOLD)
    delivered(ahead, GOLD, at=FUTURE)
    stuck = lake.run(name="stuck")
    with pytest.raises(AirflowFailException, match=r"'Gold.*' holds data up to 2136-01-01.*--force"):
        prepare(stuck, GOLD)
    report = write_report(stuck, [GOLD])
    assert (report.failed, report.segments[0].outcome) == (1, Outcome.FAILED)
    out = lake.run(name="out", force=True, began=datetime.now(UTC))
    prepare(out, GOLD)
    chunked = chunk_segment(out, GOLD)
    assert (chunked.skipped, chunked.force) == (None, Force(run="out", began=out.began or DAY))


def test_members_are_renewed_when_half_of_their_duration_is_over(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lapsing: dict[str, Any] = {"membership_duration": 30, "schedule": "@weekly"}
    first = lake.run(**lapsing)
    prepare(first, GOLD)
    now = datetime.now(UTC)
    delivered(first, GOLD, at=now, renewing=Renewal(at=now, days=30))
    plans = []
    for number, days in enumerate((7, 14, 21), 2):
        monkeypatch.setattr(ExportRun, "now", lambda _: now + timedelta(days=days))  # noqa: B023
        run = lake.run(name=f"run-{number}", interval_end=DAY + timedelta(days=number), **lapsing)
        prepare(run, GOLD)
        plans.append(chunk_segment(run, GOLD).plan)
    assert [(plan.renewed, len(plan.parts)) for plan in plans if plan] == [(0, 0), (0, 0), (3, 1)]
    delivered(run, GOLD)
    report = write_report(run, [GOLD])
    assert (report.segments[0].renewed, report.segments[0].lapse) == (3, None)
    assert "3 renewed" in summary_of(report)
    assert "3 renewed" in html_of(report)


def test_a_schedule_slower_than_the_duration_is_reported(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExportRun, "now", lambda _: DAY)
    run = lake.run(membership_duration=20, schedule="@monthly")
    prepare(run, GOLD)
    report = write_report(run, [GOLD])
    for text in (summary_of(report), html_of(report)):
        assert (
            "Members stay 20 days in the audience, but the next run may end as late as 2026-06-01 06:00 UTC"
            in text
        )


def test_a_dry_run_needs_no_connection(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT")
    run = lake.run(dry_run=True)
    prepare(run, GOLD)
    chunked = chunk_segment(run, GOLD)
    assert chunked.skipped == DRY_RUN
    assert chunked.plan
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.outcome, segment.added, segment.parts) == (Outcome.DRY_RUN, 3, 1)
    assert not (lake.folder / "workspace" / "ledgers").exists()
    with pytest.raises(AirflowFailException, match="no Airflow connection 'microsoft_advertising_default'"):
        chunk_segment(lake.run(), GOLD)


def next_run(lake: Lake, emails: list[str | None], **options: Any) -> ExportRun:
    """The day after: the table is another one, and its members are staged."""
    lake.write("Gold", emails)
    run = lake.run(name="run-2", interval_end=DAY + timedelta(days=1), **options)
    validate_segment(run, GOLD)
    normalise_segment(run, GOLD)
    return run


@pytest.fixture
def settled(lake: Lake) -> Lake:
    """An audience of three hundred, from as many profiles."""
    lake.write("Gold", people(count=300))
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    return lake


OFF: dict[str, Any] = dict.fromkeys(
    ("max_removed", "max_profiles_lost", "max_emails_lost", "max_rejected"), None
)


# What the table is like the next day, the guard that is on, the limits at which it passes and trips, its words.
COMPARED: dict[str, tuple[list[str | None], str, float, float, str]] = {
    "leavers, a share": (
        people(first=150, count=300), "max_removed", 0.5, 0.49,
        r"150 of 300 members would be removed.*at most 49% may be",
    ),
    "leavers, a number": (
        people(first=150, count=300), "max_removed_members", 150, 149,
        r"150 of 300 members would be removed.*at most 149 members may be",
    ),
    "profiles": (
        people(count=150), "max_profiles_lost", 0.5, 0.49, r"has 150 profiles;.*had 300, and at most 49% may be",
    ),
    "e-mails": (
        people(count=300, missing=120), "max_emails_lost", 0.4, 0.39,
        r"180 of 300 profiles have a value.*300 of 300 had.*at most 39% of that share may be lost",
    ),
}  # fmt: skip


@pytest.mark.bad_input
@pytest.mark.parametrize("what", COMPARED)
def test_guards_compare_with_the_last_delivered_table(settled: Lake, what: str) -> None:
    emails, key, passes, trips, words = COMPARED[what]
    plan = chunk_segment(next_run(settled, emails, guards=OFF | {key: passes}), GOLD).plan
    assert plan
    run = next_run(settled, emails, guards=OFF | {key: trips})
    with pytest.raises(AirflowFailException, match=rf"{words}.*`ignore_guards`.*`guards\.{key}`"):
        chunk_segment(run, GOLD)
    assert failure(run, GOLD).step is Step.CHUNK
    [segment] = write_report(run, [GOLD]).segments
    assert segment.outcome is Outcome.FAILED
    assert f"guards.{key}" in str(segment.message)
    once = chunk_segment(next_run(settled, emails, guards=OFF | {key: trips}, ignore_guards=True), GOLD)
    assert once.plan
    assert (once.plan.added, once.plan.removed) == (plan.added, plan.removed)
    assert len(once.overridden) == 1


@pytest.mark.bad_input
def test_all_findings_of_a_collapse_are_reported(settled: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """With the default guards. `ignore_guards` ignores all findings, and the report lists them."""
    run = next_run(settled, people(count=100))
    with pytest.raises(
        AirflowFailException,
        match=r"200 of 300 members would be removed.*has 100 profiles.*`guards\.max_removed` and "
        r"`guards\.max_profiles_lost`",
    ):
        chunk_segment(run, GOLD)
    once = next_run(settled, people(count=100), ignore_guards=True)
    chunked = chunk_segment(once, GOLD)
    assert chunked.plan
    assert chunked.plan.removed == 200
    assert len(chunked.overridden) == 2
    assert "Ignored because of `ignore_guards`: 200 of 300 members would be removed" in caplog.text
    delivered(once, GOLD)
    report = write_report(once, [GOLD])
    assert report.segments[0].overridden == chunked.overridden
    assert "Ignored because of `ignore_guards`: 200 of 300" in summary_of(report)


@pytest.mark.bad_input
def test_the_next_table_is_compared_with_the_last_delivered_one(settled: Lake) -> None:
    """A table that was delivered with `ignore_guards` counts; a table that a guard stopped does not."""
    stopped = next_run(settled, people(count=10))
    with pytest.raises(AirflowFailException, match="has 10 profiles"):
        chunk_segment(stopped, GOLD)
    once = next_run(settled, people(count=100, missing=50), ignore_guards=True)
    delivered(once, GOLD)
    state = once.known(GOLD)
    assert state.table
    assert (state.table.profiles, state.table.missing) == (100, 50)
    later = next_run(settled, people(count=100, missing=50))
    assert chunk_segment(later, GOLD).overridden == ()


@pytest.mark.bad_input
def test_tables_are_compared_where_the_ledger_of_members_is_lost(settled: Lake) -> None:
    """The number of removed members is unknown then, but the number of profiles is known."""
    run = next_run(settled, people(count=100))
    certain = run.known(GOLD).settled.certain
    assert certain
    run.workspace.write_bytes(certain.path, b"torn")
    with pytest.raises(AirflowFailException, match=r"has 100 profiles.*`guards\.max_profiles_lost` in"):
        chunk_segment(run, GOLD)


@pytest.mark.bad_input
def test_before_the_first_delivery_nothing_is_compared(lake: Lake) -> None:
    strict = {"max_profiles_lost": 0, "max_emails_lost": 0, "max_removed": 0, "max_removed_members": 0}
    run = lake.run(guards=strict)
    prepare(run, GOLD)
    assert chunk_segment(run, GOLD).overridden == ()


@pytest.mark.bad_input
def test_an_older_interval_is_skipped_whatever_its_table_is_like(settled: Lake) -> None:
    settled.write("Gold", people(count=5))
    older = settled.run(name="backfill", interval_end=DAY - timedelta(days=1))
    prepare(older, GOLD)
    assert chunk_segment(older, GOLD).skipped


def test_the_upload_gets_the_guards(lake: Lake) -> None:
    run = lake.run(guards={"max_refused": 0.2})
    prepare(run, GOLD)
    chunked = chunk_segment(run, GOLD)
    assert chunked.guards
    assert (chunked.guards.max_refused, chunked.ignore_guards) == (0.2, False)
    assert chunk_segment(lake.run(ignore_guards=True), GOLD).ignore_guards


@pytest.mark.bad_input
@pytest.mark.parametrize("dry_run", [False, True])
def test_damaged_bounds_lead_to_a_replacement_and_are_reported(lake: Lake, dry_run: bool) -> None:
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    ledger = Ledger(run.workspace, ledger_folder(run.export.aid, GOLD.audience), GOLD.audience)
    certain = ledger.load().state.settled.certain
    assert certain
    run.workspace.write_bytes(certain.path, b"torn")
    later = lake.run(name="later", interval_end=DAY + timedelta(days=1), dry_run=dry_run)
    before = ledger.load()
    prepare(later, GOLD)
    [segment] = write_report(later, [GOLD]).segments
    assert segment.replaced is dry_run, "nothing was sent yet"
    assert certain.path in str(segment.damage)
    assert certain.path in summary_of(write_report(later, [GOLD]))
    assert "its ledger could not be trusted" in html_of(write_report(later, [GOLD]))
    assert ledger.load() == before  # the upload writes that down, before it sends


@pytest.mark.bad_input
def test_damaged_staged_members_are_no_damage_of_the_ledger(lake: Lake) -> None:
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD)
    later = lake.run(name="later", interval_end=DAY + timedelta(days=1))
    normalise_segment(later, GOLD)
    run.workspace.write_bytes(f"{later.staged_folder(GOLD)}/members.parquet", b"torn")
    with pytest.raises(AirflowFailException, match=r"members\.parquet"):
        chunk_segment(later, GOLD)


@pytest.mark.bad_input
def test_without_staged_members_chunk_fails_with_advice(lake: Lake) -> None:
    with pytest.raises(AirflowFailException, match="Clear its task `normalise`"):
        chunk_segment(lake.run(), GOLD)
