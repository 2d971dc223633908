"""Records and reports that the tests of reports share."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from pydantic import BaseModel

from customer_match.addresses.definition import Rejection
from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part
from customer_match.members.files import MembersFile
from customer_match.planning.plan import Plan
from customer_match.profiles.staging import Staged
from customer_match.routes import Route
from customer_match.runs.records import (
    Chunked,
    Delivered,
    Normalised,
    SegmentRecords,
    Validated,
)
from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match.runs.report_building import segment_report

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MEMBERS = MembersFile(path="runs/e/r/s/members.parquet", count=2_000)
VALIDATED = Validated(seconds=0.5, columns=("Email",), profiles=3_000, files=1, size_bytes=9, modified=NOW)
NORMALISED = Normalised(
    seconds=1.5,
    staged=Staged(
        members=MEMBERS,
        profiles=3_000,
        valid=2_500,
        rejected={Rejection.MISSING: 400, Rejection.NOT_AN_ADDRESS: 100},
        duplicates=500,
    ),
)
PLAN = Plan(
    id="p", based_on=None, target=MEMBERS, parts=(Part(action=Action.ADD, members=MEMBERS),), added=1_500,
    removed=20, unchanged=500, replaces=False, part_size=9_999, full=False,
)  # fmt: skip
CHUNKED = Chunked(seconds=2, plan=PLAN, audience="VIPs", interval_end=NOW)
DELIVERED = Delivered(seconds=4, audience_id="77", parts=1, sent=1_520, route=Route.APPLY, calls=2)


def report_of(records: SegmentRecords, *written: BaseModel, dry_run: bool = False) -> SegmentReport:
    for record in written:
        records.write(record)
    return segment_report("vip_table", "VIPs", records, dry_run=dry_run)


UNDELIVERED: dict[str, Any] = {
    "outcome": Outcome.FAILED, "audience_id": None,
    **dict.fromkeys(("added", "removed", "renewed", "sent", "parts", "route")),
}  # fmt: skip
"""What the report of a segment knows whose upload failed, beside the counts of its table."""


def run_of(*segments: SegmentReport, **changes: Any) -> RunReport:
    values: dict[str, Any] = {
        "export": "e", "title": "Segments", "run_id": "r", "interval_end": NOW, "finished": NOW,
        "dry_run": False, "full": False,
    }  # fmt: skip
    return RunReport(**(values | changes), segments=segments)


def a_segment(outcome: Outcome = Outcome.DELIVERED, **changes: Any) -> SegmentReport:
    values: dict[str, Any] = {
        "segment": "vip_table", "audience": "VIPs", "audience_id": "77", "profiles": 3_000, "valid": 2_500,
        "rejected": {"missing": 400, "not_an_address": 100}, "duplicates": 500, "members": 2_000, "added": 1_500,
        "removed": 20, "parts": 1, "sent": 1_520, "seconds": 8.0,
    }  # fmt: skip
    return SegmentReport(outcome=outcome, **(values | changes))


class Page(HTMLParser):
    """Checks that tags are balanced, and collects them and the text."""

    void = frozenset({"meta", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
