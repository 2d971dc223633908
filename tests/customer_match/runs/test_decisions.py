"""Decisions on findings of guards: kept beside the records, for good, and in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.runs.decisions import Decision, Decisions, Verdict
from customer_match.runs.findings import Finding, version_of
from customer_match.runs.records import Chunked, Failure, SegmentRecords, Step
from customer_match.workspace.workspace import Workspace
from tests.customer_match.runs.decided import REMOVED, decision
from tests.customer_match.runs.reports import CHUNKED
from tests.memory_storage import MemoryStorage

FOLDER = "runs/e/r/s"


def test_they_are_kept_in_order() -> None:
    decisions = Decisions(MemoryStorage(), FOLDER)
    assert decisions.read() == ()
    refused, approved = decision(Verdict.REFUSED), decision(Verdict.APPROVED)
    decisions.add(refused, after=0)
    decisions.add(approved, after=1)
    assert decisions.read() == (refused, approved)


def test_of_two_people_one_decides() -> None:
    decisions = Decisions(MemoryStorage(), FOLDER)
    decisions.add(decision(Verdict.REFUSED), after=0)
    with pytest.raises(FileExistsError):
        decisions.add(decision(Verdict.APPROVED, by="bob"), after=0)
    assert [one.by for one in decisions.read()] == ["anna"]


def test_steps_that_run_again_keep_them(tmp_path: Path) -> None:
    records = SegmentRecords(Workspace(LocalFileSystem(), str(tmp_path)), FOLDER)
    records.write(Failure(step=Step.CHUNK, message="Too many.", findings=(REMOVED,)))
    records.decisions.add(decision(Verdict.APPROVED), after=0)
    records.write(CHUNKED)
    assert (records.read(Failure), records.read(Chunked)) == (None, CHUNKED)
    assert len(records.decisions.read()) == 1


def test_they_hold_no_address() -> None:
    found = Finding(
        words="The audience anna@example.com", keys=("max_removed",), figures={"bob@example.com": 1}
    )
    kept = decision(Verdict.APPROVED, found, by="carl@example.com", why="asked dora@example.com")
    assert "@" not in kept.model_dump_json()
    assert Decision.model_validate_json(kept.model_dump_json()) == kept


def test_words() -> None:
    approved = decision(Verdict.APPROVED, why="we cleaned up.")
    assert approved.words == (
        "Approved by anna on 2026-06-01 12:00 UTC: we cleaned up. What was approved: 600 of 1,000 members would be "
        "removed from the audience 'VIPs'."
    )
    assert (
        decision(Verdict.REFUSED).words
        == "Refused by anna on 2026-06-01 12:00 UTC: half of the table is missing."
    )


def test_a_decision_about_another_guard_is_no_remark() -> None:
    other = Finding(words="Too old.", keys=("max_age_hours",), figures={"max_age_hours": 1})
    assert decision(Verdict.REFUSED).remark_on([other]) == ""


def test_other_figures_are_another_version() -> None:
    other = REMOVED.model_copy(update={"figures": {"max_removed": 0.61}})
    assert version_of([REMOVED]) == version_of([REMOVED.model_copy()])
    assert version_of([REMOVED]) != version_of([other])
    assert version_of([REMOVED]) != version_of([REMOVED, other])
