"""The step `report`."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.errors import TransientError
from customer_match.history.table import History
from customer_match.runs.report import Outcome
from customer_match.runs.report_text import summary_of
from customer_match.runs.staged import StagedData
from tests.airflow_microsoft_advertising.run.small_lake import (
    GOLD,
    SILVER,
    Lake,
    delivered,
    prepare,
)

pytestmark = pytest.mark.slow

BEGAN = datetime(2026, 5, 1, 5, tzinfo=UTC)


def test_the_report_of_a_run(lake: Lake) -> None:
    run = lake.run()
    prepare(run, GOLD)
    delivered(run, GOLD, refused={"EmailMustBeHashed": 1})
    with pytest.raises(AirflowFailException):
        validate_segment(lake.run(email="Nothing"), SILVER)
    report = write_report(run, [GOLD, SILVER])
    gold, silver = report.segments
    assert gold.model_dump(exclude={"seconds", "rejected", "message", "modified", "tables"}) == {
        "segment": "Gold", "audience": "Gold customers", "audience_id": "77", "outcome": "refused some",
        "profiles": 6, "valid": 4, "duplicates": 1, "members": 3, "added": 3, "removed": None,
        "refused": {"EmailMustBeHashed": 1}, "parts": 1, "replaced": True,
        "route": None, "calls": 0, "requests": (), "terms": None, "sizes": None, "damage": None, "sent": 3,
        "overridden": (),
        "renewed": 0, "forced_over": None, "lapse": None, "uncovered": None, "deleted": None, "superseded": None,
        "filtered": 0, "without_consent": 0, "suppressed": None, "erased": None, "rejects": None,
        "guards": (), "findings": (), "decisions": (),
        "suppression_lists": (),
        "customers": None, "unreadable": None, "without_profile": None,
        "location": f"{lake.folder}/lake/Gold",
    }  # fmt: skip
    assert (silver.outcome, report.failed) == (Outcome.FAILED, 1)
    assert silver.message
    assert silver.message.startswith("validate: ")
    summary = summary_of(report)
    assert summary.startswith("1 of 2 segments succeeded.\n- Silver: failed. validate: ")
    assert "\n- Gold customers: refused some; 6 profiles" in summary
    written = json.loads(run.workspace.read_bytes(f"{run.folder}/report.json"))
    assert [segment["audience"] for segment in written["segments"]] == ["Gold customers", "Silver"]
    page = run.workspace.read_bytes(f"{run.folder}/report.html").decode()
    for word in ("Autumn campaign", "Gold customers", "Silver", "EmailMustBeHashed"):
        assert word in page


def test_the_run_is_in_the_history(lake: Lake) -> None:
    run = lake.run(began=BEGAN)
    prepare(run, GOLD)
    delivered(run, GOLD)
    write_report(run, [GOLD])
    [row] = History(run.workspace, "autumn").read().to_pylist()
    assert (row["run_id"], row["audience"], row["outcome"]) == ("run-1", "Gold customers", "delivered")
    assert (row["started"], row["members"], row["source_modified"] is not None) == (BEGAN, 3, True)


def test_a_run_that_is_reported_again_keeps_its_beginning(lake: Lake) -> None:
    """Its tasks were cleared, and Airflow calls the second time its beginning."""
    write_report(lake.run(began=BEGAN), [GOLD])
    report = write_report(lake.run(began=BEGAN + timedelta(days=40)), [GOLD, SILVER])
    assert report.started == BEGAN
    rows = History(lake.run().workspace, "autumn").read().to_pylist()
    assert [(row["run_id"], row["started"], row["segment"]) for row in rows] == [
        ("run-1", BEGAN, "Gold"),
        ("run-1", BEGAN, "Silver"),
    ]


def test_old_months_are_forgotten(lake: Lake) -> None:
    write_report(lake.run(name="old", began=datetime.now(UTC) - timedelta(days=150)), [GOLD])
    write_report(lake.run(name="new", history_days=100), [GOLD])
    workspace = lake.run().workspace
    assert History(workspace, "autumn").read()["run_id"].to_pylist() == ["new"]
    assert not workspace.exists(lake.run(name="old").folder), "with its report"
    assert workspace.exists(lake.run(name="new").folder)


def test_what_was_staged_is_deleted_once_it_was_sent(lake: Lake) -> None:
    run = lake.run()
    prepare(run, GOLD)
    prepare(run, SILVER)
    delivered(run, GOLD)
    write_report(run, [GOLD, SILVER])
    assert not run.workspace.exists(run.staged_folder(GOLD))
    assert run.workspace.exists(run.staged_folder(SILVER)), "its tasks may be tried again"
    assert run.workspace.exists(f"{run.segment_folder(GOLD)}/normalise.json")
    chunk_segment(run, SILVER)
    with pytest.raises(AirflowFailException, match=r"not staged in .* Clear its task `normalise`"):
        chunk_segment(run, GOLD)


def test_a_dry_run_leaves_nothing_staged(lake: Lake) -> None:
    run = lake.run(dry_run=True)
    prepare(run, GOLD)
    write_report(run, [GOLD])
    assert not run.workspace.exists(run.staged_folder(GOLD))


def test_what_a_failed_run_has_staged_is_deleted_days_later(lake: Lake) -> None:
    failed = lake.run(name="failed")
    prepare(failed, GOLD)
    write_report(failed, [GOLD])
    later = lake.run(name="later", staged_days=2)
    for path in Path(later.workspace.path(failed.staged_folder(GOLD))).rglob("*.parquet"):
        old = (datetime.now(UTC) - timedelta(days=3)).timestamp()
        os.utime(path, (old, old))
    write_report(lake.run(name="between"), [GOLD])
    assert later.workspace.exists(failed.staged_folder(GOLD)), "seven days by default"
    write_report(later, [GOLD])
    assert not later.workspace.exists(failed.staged_folder(GOLD))


def test_staged_data_that_cannot_be_deleted_fail_no_run(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise TransientError("The storage does not answer.")

    monkeypatch.setattr(StagedData, "expired", fails)
    write_report(lake.run(), [GOLD])
    assert "Staged data could not be removed from the workspace: The storage does not answer." in caplog.text


def test_a_history_that_cannot_be_written_fails_no_run(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    run = lake.run()
    (lake.folder / "workspace").mkdir()
    (lake.folder / "workspace" / "history").write_text("a file")
    write_report(run, [GOLD])
    assert run.workspace.exists(f"{run.folder}/report.html")
    assert "could not be added to the history" in caplog.text


def test_the_page_shows_the_last_runs(lake: Lake) -> None:
    for day in range(2):
        run = lake.run(name=f"run-{day}", began=BEGAN + timedelta(days=day))
        prepare(run, GOLD)
        delivered(run, GOLD)
        write_report(run, [GOLD])
        page = run.workspace.read_bytes(f"{run.folder}/report.html").decode()
        assert ("<svg" in page, "▄▄" in page) == (day == 1, day == 1)
    assert page.count("<svg") == 3, "no size of the audience is known, so no match rate"


def test_a_page_without_plots_if_they_cannot_be_drawn(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: object) -> None:
        raise ZeroDivisionError("no font")

    monkeypatch.setattr("customer_match.history.trends.trend_of", fails)
    run = lake.run()
    write_report(run, [GOLD])
    assert "<svg" not in run.workspace.read_bytes(f"{run.folder}/report.html").decode()
    assert "no plots of the last runs: ZeroDivisionError: no font" in caplog.text


def test_a_task_that_died_without_a_word_is_a_failure(lake: Lake) -> None:
    run = lake.run()
    prepare(run, GOLD)
    [segment] = write_report(run, [GOLD]).segments
    assert segment.outcome is Outcome.FAILED
    assert "without reporting a result" in str(segment.message)
    [row] = History(run.workspace, "autumn").read().to_pylist()
    assert row["members"] == 3
    assert [row[name] for name in ("added", "removed", "sent", "parts", "replaced", "route")] == [None] * 6
