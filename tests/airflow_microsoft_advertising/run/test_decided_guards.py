"""Guards whose findings somebody has approved or refused, in real steps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.delivery_records import DeliveryRecords
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from customer_match.audit.run_events import events_of
from customer_match.errors import ConfigurationError
from customer_match.history.table import History
from customer_match.runs.decisions import Verdict
from customer_match.runs.guards import GuardTripped
from customer_match.runs.records import Chunked, Failure
from customer_match.runs.report import Outcome
from customer_match.runs.report_text import summary_of
from tests.airflow_microsoft_advertising.run.small_lake import (
    DAY,
    GOLD,
    Lake,
    delivered,
    failure,
    people,
    prepare,
)
from tests.customer_match.runs.decided import decision

pytestmark = pytest.mark.slow

APPROVED = "Approved by anna on 2026-06-01 12:00 UTC: we cleaned up."


def stopped(lake: Lake, **options: Any) -> ExportRun:
    """A run that a guard stops: two of three members would leave."""
    lake.write("Gold", people(count=300))
    first = lake.run(**options)
    prepare(first, GOLD)
    delivered(first, GOLD)
    lake.write("Gold", people(count=100))
    second = lake.run(name="run-2", interval_end=DAY + timedelta(days=1), **options)
    with pytest.raises(AirflowFailException, match="200 of 300 members would be removed"):
        prepare(second, GOLD)
    return second


def decide(run: ExportRun, verdict: Verdict) -> None:
    records = run.records(GOLD)
    before = records.decisions.read()
    records.decisions.add(decision(verdict, *failure(run, GOLD).findings), after=len(before))


def test_an_approved_segment_goes_on_and_its_report_says_who(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    run = stopped(lake)
    assert failure(run, GOLD).guards == ("max_removed", "max_profiles_lost")
    decide(run, Verdict.APPROVED)
    delivered(run, GOLD)
    assert f"{APPROVED} What was approved: 200 of 300 members" in caplog.text
    assert run.records(GOLD).read(Failure) is None
    report = write_report(run, [GOLD])
    assert report.segments[0].outcome is Outcome.DELIVERED
    page = run.workspace.read_bytes(f"{run.folder}/report.html").decode()
    [row] = [r for r in History(run.workspace, "autumn").read().to_pylist() if r["run_id"] == "run-2"]
    for text in (summary_of(report), page, row["decisions"]):
        assert APPROVED in text
    assert row["awaits_decision"] is False
    audited, _ = events_of(report, user=None, consent_columns={})
    assert [one["by"] for one in audited.model_dump()["decisions"]] == ["anna"]


def test_a_refused_segment_stays_stopped_and_its_report_says_who(lake: Lake) -> None:
    run = stopped(lake)
    decide(run, Verdict.REFUSED)
    with pytest.raises(AirflowFailException, match=r"Refused by anna .*: half of the table is missing"):
        chunk_segment(run, GOLD)
    report = write_report(run, [GOLD])
    assert (report.segments[0].outcome, report.segments[0].awaits_decision) == (Outcome.FAILED, False)
    assert "Refused by anna on 2026-06-01 12:00 UTC: half of the table is missing." in summary_of(report)


def test_a_note_names_a_few_decisions_before_the_failures(lake: Lake) -> None:
    run = stopped(lake)
    for number in range(7):
        run.records(GOLD).decisions.add(decision(Verdict.REFUSED), after=number)
    lines = summary_of(write_report(run, [GOLD])).splitlines()
    assert [line[:27] for line in lines[1:6]] == ["- Gold customers: Refused by"[:27]] * 5
    assert lines[6] == "- and 2 more decisions."
    assert lines[7].startswith("- Gold customers: failed")


def test_figures_that_got_worse_stop_it_again(lake: Lake) -> None:
    run = stopped(lake)
    decide(run, Verdict.APPROVED)
    lake.write("Gold", people(count=90))
    normalise_segment(run, GOLD)
    with pytest.raises(
        AirflowFailException, match=r"210 of 300 .* worse than those that were approved by anna"
    ):
        chunk_segment(run, GOLD)
    assert write_report(run, [GOLD]).segments[0].awaits_decision
    decide(run, Verdict.APPROVED)
    assert chunk_segment(run, GOLD).plan


def test_another_run_is_not_approved(lake: Lake) -> None:
    decide(stopped(lake), Verdict.APPROVED)
    third = lake.run(name="run-3", interval_end=DAY + timedelta(days=2))
    with pytest.raises(AirflowFailException, match="200 of 300 members"):
        prepare(third, GOLD)


def test_the_page_is_named_only_in_runs_of_an_exports_dag(lake: Lake) -> None:
    run = stopped(lake)
    assert "page" not in failure(run, GOLD).message
    on_page = ExportRun(export=run.export, run_id="run-2", interval_end=run.interval_end, on_page=True)
    with pytest.raises(AirflowFailException, match="approve them on the export's page"):
        chunk_segment(on_page, GOLD)


def test_a_plan_that_the_upload_makes_again_stops_each_try_until_it_is_approved(lake: Lake) -> None:
    """Another run has changed the audience. The next try must not find the new plan as if `chunk` had made it."""
    run = lake.run()
    prepare(run, GOLD)
    chunked = chunk_segment(run, GOLD)
    run.records(GOLD).write(chunked)
    assert chunked.plan
    again = chunked.plan.model_copy(update={"removed": 200, "unchanged": 100})
    for _ in range(2):
        with pytest.raises(GuardTripped, match="200 of 300 members") as caught:
            DeliveryRecords("Gold", run.records(GOLD), chunked).replan(again)
        assert run.records(GOLD).read(Chunked) == chunked
    run.records(GOLD).decisions.add(decision(Verdict.APPROVED, *caught.value.findings), after=0)
    DeliveryRecords("Gold", run.records(GOLD), chunked).replan(again)
    kept = run.records(GOLD).read(Chunked)
    assert kept
    assert kept.plan == again


def test_refused_members_are_approved_too(lake: Lake) -> None:
    """The result is already recorded; an approved one does not fail the segment."""
    run = lake.run()
    prepare(run, GOLD)
    chunked = chunk_segment(run, GOLD).model_copy(update={"on_page": True})
    uploaded = DeliveryRecords("Gold", run.records(GOLD), chunked)
    delivery: Any = type("Delivery", (), {
        "audience_id": "77", "parts": 1, "sent": 40, "route": None, "calls": 0, "refused": {"Odd": 20},
        "requests": (),
        "uncovered": None, "members": 40, "forced": None,
    })  # fmt: skip
    with pytest.raises(GuardTripped, match="approve them on the export's page") as caught:
        uploaded.record(delivery, seconds=1, terms=None)
    assert isinstance(caught.value, ConfigurationError)
    run.records(GOLD).decisions.add(decision(Verdict.APPROVED, *caught.value.findings), after=0)
    assert uploaded.record(delivery, seconds=1, terms=None).refused == {"Odd": 20}
