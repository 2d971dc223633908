"""The report of a run: outcomes, lines, page and JSON; never an address or a digest."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import fsspec
import pytest
from pydantic import BaseModel

from customer_match.addresses.definition import Rejection
from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part
from customer_match.members.files import MembersFile
from customer_match.planning.plan import Plan
from customer_match.profiles.rejects import RejectsFile
from customer_match.profiles.staging import Staged
from customer_match.profiles.suppression import ListRead
from customer_match.routes import Route
from customer_match.runs.records import (
    Chunked,
    Delivered,
    Failure,
    Normalised,
    SegmentRecords,
    Step,
    Validated,
)
from customer_match.runs.report import Outcome, RunReport, SegmentReport, segment_report
from customer_match.workspace import Workspace

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
FAILURE = Failure(step=Step.CHUNK, message="Too many would leave. Look first.")
SKIPPED = Chunked(seconds=1, plan=None, audience="VIPs", interval_end=NOW, skipped="Newer data are there.")
FIELDS = {
    "segment", "audience", "profiles", "valid", "rejected", "duplicates", "members", "added", "removed", "parts",
    "seconds",
}  # fmt: skip


@pytest.fixture
def records(tmp_path: Path) -> SegmentRecords:
    return SegmentRecords(Workspace(fsspec.filesystem("file"), str(tmp_path)), "runs/e/r/s")


def report_of(records: SegmentRecords, *written: BaseModel, dry_run: bool = False) -> SegmentReport:
    for record in written:
        records.write(record)
    return segment_report("vip_table", "VIPs", records, dry_run=dry_run)


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
        "removed": 20, "parts": 1, "seconds": 8.0,
    }  # fmt: skip
    return SegmentReport(outcome=outcome, **(values | changes))


# --- Outcomes ------------------------------------------------------------------------------------------------

BEFORE = [VALIDATED, NORMALISED]
STOPPED = "A task ended without a word"
OUTCOMES: list[tuple[str, list[BaseModel], bool, Outcome, str | None]] = [
    ("all went well", [*BEFORE, CHUNKED, DELIVERED], False, Outcome.DELIVERED, None),
    (
        "nothing to send",
        [*BEFORE, CHUNKED, DELIVERED.model_copy(update={"parts": 0})],
        False,
        Outcome.UNCHANGED,
        None,
    ),
    (
        "some refused",
        [*BEFORE, CHUNKED, DELIVERED.model_copy(update={"refused": {"X": 1_200, "Y": 3}})],
        False,
        Outcome.REFUSED_SOME,
        "Microsoft Advertising refused 1,203 of 1,520 members sent (X 1,200, Y 3); the next run tries them again.",
    ),
    ("older interval", [*BEFORE, SKIPPED], False, Outcome.SKIPPED, "Newer data are there."),
    ("older interval, dry run", [*BEFORE, SKIPPED], True, Outcome.SKIPPED, "Newer data are there."),
    ("dry run", [*BEFORE, CHUNKED], True, Outcome.DRY_RUN, None),
    (
        "dry run as the step records it",
        [*BEFORE, CHUNKED.model_copy(update={"skipped": "Dry run: nothing is sent."})],
        True,
        Outcome.DRY_RUN,
        None,
    ),
    ("a guard", [*BEFORE, FAILURE], False, Outcome.FAILED, "chunk: Too many would leave. Look first."),
    (
        "a guard in a dry run",
        [*BEFORE, FAILURE],
        True,
        Outcome.FAILED,
        "chunk: Too many would leave. Look first.",
    ),
    (
        "upload failed",
        [*BEFORE, CHUNKED, FAILURE],
        False,
        Outcome.FAILED,
        "chunk: Too many would leave. Look first.",
    ),
    ("upload was killed", [*BEFORE, CHUNKED], False, Outcome.FAILED, STOPPED),
    ("killed early, dry run", [VALIDATED], True, Outcome.FAILED, STOPPED),
    ("nothing at all", [], False, Outcome.FAILED, STOPPED),
]


@pytest.mark.parametrize(
    ("written", "dry_run", "outcome", "message"),
    [case[1:] for case in OUTCOMES],
    ids=[c[0] for c in OUTCOMES],
)
def test_outcomes(
    records: SegmentRecords, written: list[BaseModel], dry_run: bool, outcome: Outcome, message: str | None
) -> None:
    report = report_of(records, *written, dry_run=dry_run)
    assert report.outcome is outcome
    assert (report.message or "").startswith(message or "")
    assert (report.message is None) == (message is None)


def test_all_counts_of_a_segment(records: SegmentRecords) -> None:
    delivered = DELIVERED.model_copy(update={"refused": {"TooNew": 3}})
    report = report_of(records, VALIDATED, NORMALISED, CHUNKED, delivered)
    assert report.model_copy(update={"message": None}) == SegmentReport(
        segment="vip_table", audience="VIPs", audience_id="77", outcome=Outcome.REFUSED_SOME,
        profiles=3_000, valid=2_500, rejected={"missing": 400, "not_an_address": 100}, duplicates=500,
        members=2_000, added=1_500, removed=20, refused={"TooNew": 3}, parts=1, replaced=False, seconds=8.0,
         route=Route.APPLY, calls=2, sent=1_520, renewed=0, filtered=0, without_consent=0,
    )  # fmt: skip


def test_what_was_refused_is_told_where_the_guard_stopped_it_too(records: SegmentRecords) -> None:
    delivered = DELIVERED.model_copy(update={"refused": {"TooNew": 300}})
    report = report_of(records, VALIDATED, NORMALISED, CHUNKED, delivered, FAILURE)
    assert (report.outcome, report.refused, report.sent) == (Outcome.FAILED, {"TooNew": 300}, 1_520)
    assert "300 refused by the service. chunk: Too many" in run_of(report).summary()
    assert "TooNew 300" in Page(run_of(report).html()).text


def test_what_guards_let_pass_is_told_of_each_step(records: SegmentRecords) -> None:
    def overriding(record: BaseModel, words: str) -> BaseModel:
        return record.model_copy(update={"overridden": (words,)})

    written = [
        overriding(record, f"Odd thing {number}.")
        for number, record in enumerate((VALIDATED, NORMALISED, CHUNKED, DELIVERED))
    ]
    report = report_of(records, *written)
    assert report.overridden == ("Odd thing 0.", "Odd thing 1.", "Odd thing 2.", "Odd thing 3.")
    run = run_of(report)
    assert "Let pass by `ignore_guards`: Odd thing 0. Let pass" in run.summary()
    assert "let pass by ignore_guards: Odd thing 3." in Page(run.html()).text
    early = run_of(report_of(records, written[0], FAILURE))
    assert "Look first. Let pass by `ignore_guards`: Odd thing 0." in early.summary()


def test_who_was_kept_out_is_told_apart(records: SegmentRecords) -> None:
    rejects = RejectsFile(path="runs/e/r/s/rejects.parquet", rows=500, withheld=0)
    counts = {"filtered": 1_100, "without_consent": 200, "suppressed": 7, "rejects": rejects}
    normalised = NORMALISED.model_copy(update={"staged": NORMALISED.staged.model_copy(update=counts)})
    segment = report_of(records, VALIDATED, normalised, CHUNKED, DELIVERED)
    assert (segment.filtered, segment.without_consent, segment.suppressed) == (1_100, 200, 7)
    assert segment.rejects == "runs/e/r/s/rejects.parquet"
    report = run_of(segment)
    assert (
        "500 rejected, 1,100 left out by where, 200 without consent, 7 members suppressed."
        in report.summary()
    )
    page = report.html()
    for text in (
        "Kept out",
        "left out by where 1,100",
        "without consent 200",
        "members suppressed 7",
        rejects.path,
    ):
        assert text in page


def test_what_suppression_lists_are_of_no_use_is_told_once(records: SegmentRecords) -> None:
    """In JSON with all counts; in text and on the page each list that has such rows, however many segments read it."""
    lists = (
        ListRead(name="Never", rows=1_200, rejected={Rejection.MISSING: 1_000, Rejection.DOMAIN_INVALID: 2}),
        ListRead(name="Clean", rows=3),
    )
    staged = NORMALISED.staged.model_copy(update={"suppressed": 0, "lists": lists})
    segment = report_of(
        records, VALIDATED, NORMALISED.model_copy(update={"staged": staged}), CHUNKED, DELIVERED
    )
    report = run_of(segment, segment.model_copy(update={"audience": "Others"}))
    words = "1,002 of 1,200 rows of the suppression list 'Never' cannot be used (missing 1,000, domain invalid 2)."
    assert report.summary().count(words) == 1
    assert Page(report.html()).text.count(words) == 1
    assert "Clean" not in report.summary()
    [first, _] = json.loads(report.model_dump_json())["segments"]
    assert first["suppression_lists"] == [
        {"name": "Never", "rows": 1_200, "rejected": {"missing": 1_000, "domain_invalid": 2}},
        {"name": "Clean", "rows": 3, "rejected": {}},
    ]


def test_a_report_where_nobody_is_kept_out_does_not_speak_of_it(records: SegmentRecords) -> None:
    report = run_of(report_of(records, VALIDATED, NORMALISED, CHUNKED, DELIVERED))
    for text in (report.summary(), report.html()):
        assert not [
            word for word in ("Kept out", "where", "consent", "suppress", "rejects.parquet") if word in text
        ]


def test_counts_end_where_the_run_ended(records: SegmentRecords) -> None:
    first = report_of(records, VALIDATED, FAILURE)
    assert (first.profiles, first.valid, first.members, first.added, first.parts) == (3_000, *[None] * 4)
    second = report_of(records, NORMALISED, FAILURE)
    assert (second.valid, second.members, second.added, second.parts) == (2_500, 2_000, None, None)


def test_the_route_that_was_taken_counts_not_the_planned_one(records: SegmentRecords) -> None:
    assert report_of(records, VALIDATED, NORMALISED, CHUNKED).route is Route.BULK
    assert report_of(records, DELIVERED).route is Route.APPLY


def test_data_that_was_forced_over_newer_data(records: SegmentRecords) -> None:
    delivered = DELIVERED.model_copy(update={"forced_over": NOW})
    segment = report_of(records, VALIDATED, NORMALISED, CHUNKED, delivered)
    assert segment.forced_over == NOW
    report = run_of(segment)
    assert "Applied by force over newer data (up to 2026-06-01 12:00 UTC)." in report.summary()
    assert "applied by force over newer data (up to 2026-06-01 12:00 UTC)" in report.html()


def test_only_a_failure_is_not_good() -> None:
    assert [outcome for outcome in Outcome if not outcome.good] == [Outcome.FAILED]


# --- Lines ---------------------------------------------------------------------------------------------------


def test_summary_of_a_good_run() -> None:
    refused = a_segment(Outcome.REFUSED_SOME, audience="New", refused={"X": 2, "Y": 1}, removed=None)
    assert run_of(a_segment(), refused).summary() == (
        "2 of 2 segments are right.\n"
        "- VIPs: delivered; 3,000 profiles, 2,000 members, 1,500 added, 20 removed, 500 rejected.\n"
        "- New: refused some; 3,000 profiles, 2,000 members, 1,500 added, unknown removed, 500 rejected, "
        "3 refused by the service."
    )


def test_summary_says_what_failed_and_why() -> None:
    failed = SegmentReport(segment="t", audience="T", outcome=Outcome.FAILED, message="validate: Not found.")
    late = a_segment(Outcome.FAILED, added=None, removed=None, parts=None, message="chunk: Look first.")
    run = run_of(a_segment(), failed, late, dry_run=True)
    lines = run.summary().splitlines()
    assert run.failed == 2
    assert lines[0] == "1 of 3 segments are right (dry run: nothing was sent)."
    assert lines[2] == "- T: failed. validate: Not found."
    assert lines[3] == "- VIPs: failed; 3,000 profiles, 2,000 members, 500 rejected. chunk: Look first."


def test_summary_of_a_run_without_segments() -> None:
    assert run_of().summary() == "0 of 0 segments are right."


@pytest.mark.parametrize("outcome", Outcome)
def test_lines_have_single_spaces(outcome: Outcome) -> None:
    assert "  " not in run_of(a_segment(outcome, message="Words.")).summary()


def test_totals() -> None:
    run = run_of(a_segment(), a_segment(removed=None, profiles=5))
    assert (run.total("profiles"), run.total("removed"), run.total("added")) == (3_005, 20, 3_000)


# --- Page ----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("outcome", Outcome)
def test_page_of_every_outcome(outcome: Outcome) -> None:
    empty = SegmentReport(segment="t", audience="T", outcome=outcome, message="Because.")
    html = run_of(a_segment(outcome, replaced=True, removed=None, refused={"X": 1}), empty, full=True).html()
    page = Page(html)
    assert [attrs["class"] for tag, attrs in page.seen if tag == "span"] == [f"outcome {outcome}"] * 2
    for words in ("3,000", "not an address 100", "unknown", "replaced as a whole", "Because.", "id 77"):
        assert words in page.text


def test_page_is_right_about_the_whole_run() -> None:
    failed = SegmentReport(segment="t", audience="T", outcome=Outcome.FAILED)
    text = " ".join(Page(run_of(a_segment(), failed, dry_run=True).html()).text.split())
    assert "1 / 2" in text
    assert "dry run: nothing was sent" in text
    assert "data up to 2026-06-01 12:00 UTC" in text


@pytest.mark.parametrize(
    ("route", "calls", "words"),
    [(Route.BULK, 0, "1bulk8.0"), (Route.APPLY, 12, "1apply, 12 calls8.0"), (None, None, "18.0")],
)
def test_page_tells_the_route(route: Route | None, calls: int | None, words: str) -> None:
    assert words in Page(run_of(a_segment(route=route, calls=calls)).html()).text


def test_page_escapes_what_people_named() -> None:
    bad = "<script>alert(1)</script>\"'&"
    html = run_of(
        a_segment(audience=bad, segment=bad, message=bad, rejected={bad: 1}, refused={bad: 1}),
        title=bad, run_id=bad,
    ).html()  # fmt: skip
    page = Page(html)
    assert "<script" not in html
    assert "script" not in {tag for tag, _ in page.seen}
    assert page.text.count("alert(1)") >= 6


def test_page_loads_nothing() -> None:
    html = run_of(a_segment()).html()
    page = Page(html)
    assert not re.search(r"https?:|//|url\(|@import|javascript:", html)
    assert {tag for tag, _ in page.seen}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "embed", "base"}
    )
    assert not any(set(attrs) & {"src", "href", "srcset", "style"} for _, attrs in page.seen)


# --- JSON ----------------------------------------------------------------------------------------------------


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
    for text in (run.summary(), run.html(), run.model_dump_json()):
        assert not re.search(r"[\w.+-]+@[\w-]+", text)
        assert not re.search(r"\b[0-9a-fA-F]{64}\b", text)
        assert hashlib.sha256(b"ann@contoso.com").hexdigest() not in text
        assert "parquet" not in text
