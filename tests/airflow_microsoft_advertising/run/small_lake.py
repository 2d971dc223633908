"""A small lake and an export that reads it: what the tests of the steps share."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.ledger.state import Renewal
from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.members.files import read_members
from customer_match.runs.records import Delivered, Failure

PEOPLE = [
    "Anna@Example.com",
    " bob@example.com ",
    "anna@example.com",
    "no address",
    None,
    "c.lee@example.org",
]


DAY = datetime(2026, 5, 1, tzinfo=UTC)

_OPTIONS = (
    "full",
    "dry_run",
    "ignore_guards",
    "ending",
    "force",
    "began",
    "follows_data",
    "kind",
    "ordered_by",
)
"""Attributes of a run; everything else is a key of the export."""


class Lake:
    """A folder of tables and an export that reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("Gold", PEOPLE)
        self.write("Silver", ["dora@example.com"])

    def write(self, table: str, emails: list[str | None], column: str = "Email") -> Path:
        path = self.folder / "lake" / table
        path.mkdir(parents=True, exist_ok=True)
        rows = pa.table({"Id": list(range(len(emails))), column: pa.array(emails, pa.string())})
        pq.write_table(rows, path / "part-0.parquet")
        return path / "part-0.parquet"

    def run(self, *, name: str = "run-1", interval_end: datetime = DAY, **options: Any) -> ExportRun:
        choices = {key: options.pop(key) for key in _OPTIONS if key in options}
        keys = {
            "name": "autumn",
            "title": "Autumn campaign",
            "cid": 1,
            "aid": 2,
            "source": str(self.folder / "lake"),
            "segments": [{"table": "Gold", "audience": "Gold customers"}, "Silver"],
            "email": "Email",
            "workspace": str(self.folder / "workspace"),
        }
        export = Export.model_validate(keys | options)
        return ExportRun(export=export, run_id=name, interval_end=interval_end, **choices)


GOLD = Segment(table="Gold", audience="Gold customers")


SILVER = Segment(table="Silver", audience="Silver")


def digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def prepare(run: ExportRun, segment: Segment) -> None:
    """The steps before the upload."""
    validate_segment(run, segment)
    normalise_segment(run, segment)
    chunk_segment(run, segment)


def delivered(
    run: ExportRun,
    segment: Segment,
    *,
    at: datetime | None = None,
    renewing: Renewal | None = None,
    **record: Any,
) -> None:
    """As the upload leaves it: the ledger has settled on the target."""
    chunked = chunk_segment(run, segment)
    assert chunked.plan
    ledger = Ledger(run.workspace, ledger_folder(run.export.aid, segment.audience), segment.audience)
    entry = ledger.load()
    entry = ledger.write(entry, entry.state.with_audience("77", created=True))
    plan = chunked.plan
    planned = entry.state.planned(plan.id, plan.parts, run.interval_end, plan.table, at=at, renewing=renewing)
    entry = ledger.write(entry, planned)
    for index in range(len(chunked.plan.parts)):
        entry = ledger.write(entry, entry.state.confirmed(index, None, {}))
    ledger.settle(entry, entry.state)
    record = {"parts": len(plan.parts), "sent": plan.sent} | record
    run.records(segment).write(Delivered(seconds=1, audience_id="77", **record))


def hexes(run: ExportRun, reference: Any) -> set[str]:
    return {row.tobytes().hex() for array in read_members(run.workspace, reference) for row in array}


FUTURE = datetime(2136, 1, 1, tzinfo=UTC)


def failure(run: ExportRun, segment: Segment) -> Failure:
    noted = run.records(segment).read(Failure)
    assert noted
    return noted


def people(*, first: int = 0, count: int, missing: int = 0) -> list[str | None]:
    """So many profiles, of which the last ones have nothing in the e-mail column."""
    filled = [f"person{number}@example.com" for number in range(first, first + count - missing)]
    return [*filled, *[None] * missing]
