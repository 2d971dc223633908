"""What the steps of a run leave for one another and for the report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest
from pydantic import BaseModel

from customer_match.addresses.definition import Rejection
from customer_match.members.files import MembersFile
from customer_match.planning.plan import Plan
from customer_match.profiles.staging import Staged
from customer_match.runs.records import (
    Chunked,
    Delivered,
    Failure,
    Normalised,
    SegmentRecords,
    Step,
    Validated,
)
from customer_match.workspace.workspace import Workspace

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MEMBERS = MembersFile(path="runs/e/r/s/members.parquet", count=2)
VALIDATED = Validated(seconds=0.5, columns=("Email",), profiles=4, files=1, size_bytes=100, modified=NOW)
NORMALISED = Normalised(
    seconds=1.5,
    staged=Staged(members=MEMBERS, profiles=4, valid=3, rejected={Rejection.NOT_AN_ADDRESS: 1}, duplicates=1),
)
PLAN = Plan(
    id="p", based_on=None, target=MEMBERS, parts=(), added=2, removed=None, unchanged=0, replaces=True,
    part_size=10, full=False,
)  # fmt: skip
CHUNKED = Chunked(seconds=2, plan=PLAN, audience="VIPs", interval_end=NOW)
DELIVERED = Delivered(seconds=4, audience_id="7", parts=1, refused={"TooNew": 1})
RECORDS = [VALIDATED, NORMALISED, CHUNKED, DELIVERED]
FAILURE = Failure(step=Step.CHUNK, message="Too many would leave.")


@pytest.fixture
def records(tmp_path: Path) -> SegmentRecords:
    return SegmentRecords(Workspace(fsspec.filesystem("file"), str(tmp_path)), "runs/e/r/s")


@pytest.mark.parametrize("record", [*RECORDS, FAILURE])
def test_what_is_written_is_read(records: SegmentRecords, record: BaseModel) -> None:
    assert records.read(type(record)) is None
    records.write(record)
    assert records.read(type(record)) == record


def test_each_step_has_a_file_of_its_own(records: SegmentRecords, tmp_path: Path) -> None:
    for record in [*RECORDS, FAILURE]:
        records.write(record)
    names = sorted(path.name for path in (tmp_path / "runs/e/r/s").iterdir())
    assert names == ["chunk.json", "failure.json", "normalise.json", "upload.json", "validate.json"]


def test_a_step_that_ends_well_ends_the_failure_before_it(records: SegmentRecords) -> None:
    records.write(FAILURE)
    records.write(CHUNKED)
    assert records.read(Failure) is None


def test_the_last_failure_counts(records: SegmentRecords) -> None:
    records.write(Failure(step=Step.VALIDATE, message="Not found."))
    records.write(FAILURE)
    assert records.read(Failure) == FAILURE


@pytest.mark.parametrize("position", range(4))
def test_a_step_that_runs_again_voids_what_followed_it(records: SegmentRecords, position: int) -> None:
    """Somebody clears tasks of a run: what they had found out must not pass for the new try's."""
    for record in RECORDS:
        records.write(record)
    records.write(RECORDS[position])
    kept = [records.read(type(record)) is not None for record in RECORDS]
    assert kept == [index <= position for index in range(4)]


def test_segments_do_not_share_records(records: SegmentRecords, tmp_path: Path) -> None:
    records.write(VALIDATED)
    other = SegmentRecords(Workspace(fsspec.filesystem("file"), str(tmp_path)), "runs/e/r/t")
    assert other.read(Validated) is None


def test_steps_are_named_in_their_order() -> None:
    assert list(Step) == ["validate", "normalise", "chunk", "upload"]
