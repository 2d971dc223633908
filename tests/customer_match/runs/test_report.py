"""The report as a model, and its JSON."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import fsspec
import pytest

from customer_match.runs.records import (
    SegmentRecords,
)
from customer_match.runs.report import Outcome, RunReport
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import summary_of
from customer_match.runs.states import RunState
from customer_match.workspace.workspace import Workspace
from tests.customer_match.runs.reports import (
    CHUNKED,
    DELIVERED,
    NORMALISED,
    VALIDATED,
    a_segment,
    report_of,
    run_of,
)

FIELDS = {
    "segment", "audience", "profiles", "valid", "rejected", "duplicates", "members", "added", "removed", "parts",
    "seconds",
}  # fmt: skip


@pytest.fixture
def records(tmp_path: Path) -> SegmentRecords:
    return SegmentRecords(Workspace(fsspec.filesystem("file"), str(tmp_path)), "runs/e/r/s")


def test_only_a_failure_is_not_good() -> None:
    assert [outcome for outcome in Outcome if not outcome.good] == [Outcome.FAILED]


def test_totals_count_unknown_as_nothing() -> None:
    run = run_of(a_segment(), a_segment(removed=None, profiles=5))
    assert (run.total("profiles"), run.total("removed"), run.total("added")) == (3_005, 20, 3_000)


@pytest.mark.parametrize(
    ("outcomes", "changes", "state"),
    [
        ([Outcome.DELIVERED, Outcome.SKIPPED], {}, RunState.SUCCESS),
        ([Outcome.DRY_RUN, Outcome.DRY_RUN], {"dry_run": True}, RunState.DRY_RUN),
        ([Outcome.DRY_RUN, Outcome.FAILED], {"dry_run": True}, RunState.PARTIAL),
        ([Outcome.DELIVERED, Outcome.REFUSED_SOME], {}, RunState.PARTIAL),
        ([Outcome.DELIVERED, Outcome.FAILED], {}, RunState.PARTIAL),
        ([Outcome.FAILED, Outcome.FAILED], {}, RunState.FAILED),
        ([], {}, RunState.FAILED),
        ([Outcome.DELIVERED, "guard"], {}, RunState.GUARD),
        (["guard", "guard"], {}, RunState.GUARD),
        (["guard", Outcome.FAILED, Outcome.DELIVERED], {}, RunState.PARTIAL),
        (["guard", Outcome.FAILED], {}, RunState.FAILED),
        ([Outcome.DELIVERED, "guard"], {"timed_out": True}, RunState.TIMED_OUT),
    ],
)
def test_how_a_run_ended(outcomes: list[Any], changes: dict[str, Any], state: RunState) -> None:
    segments = [
        a_segment(Outcome.FAILED, guards=("max_removed",)) if one == "guard" else a_segment(one)
        for one in outcomes
    ]
    run = run_of(*segments, **changes)
    assert run.state is state
    assert json.loads(run.model_dump_json())["state"] == state


def test_json_has_the_fields_of_the_contract() -> None:
    run = run_of(a_segment(), a_segment(Outcome.FAILED))
    document = json.loads(run.model_dump_json())
    assert document["segments"][0].keys() >= FIELDS
    assert document["failed"] == 1
    assert document["segments"][1]["outcome"] == "failed"


def test_json_is_read_back() -> None:
    run = run_of(a_segment(Outcome.REFUSED_SOME, refused={"X": 1}))
    assert RunReport.model_validate_json(run.model_dump_json()) == run


def test_no_address_and_no_digest_is_in_it(records: SegmentRecords) -> None:
    """The report is made of records alone, and these hold counts and paths; paths stay out of it too."""
    run = run_of(report_of(records, VALIDATED, NORMALISED, CHUNKED, DELIVERED))
    for text in (summary_of(run), html_of(run), run.model_dump_json()):
        assert not re.search(r"[\w.+-]+@[\w-]+", text)
        assert not re.search(r"\b[0-9a-fA-F]{64}\b", text)
        assert hashlib.sha256(b"ann@contoso.com").hexdigest() not in text
        assert "parquet" not in text
