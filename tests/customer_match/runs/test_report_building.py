"""From the records of a run to its report."""

from __future__ import annotations

import json
from pathlib import Path

import fsspec
import pytest
from pydantic import BaseModel

from customer_match.addresses.definition import Rejection
from customer_match.profiles.rejects import RejectsFile
from customer_match.profiles.suppression import ListRead
from customer_match.routes import Route
from customer_match.runs.records import (
    Chunked,
    Failure,
    SegmentRecords,
    Step,
)
from customer_match.runs.report import Outcome, SegmentReport
from customer_match.runs.report_page import html_of
from customer_match.runs.report_tables import run_text
from customer_match.runs.report_text import summary_of
from customer_match.workspace.workspace import Workspace
from tests.customer_match.runs.reports import (
    CHUNKED,
    DELIVERED,
    NORMALISED,
    NOW,
    PLAN,
    VALIDATED,
    Page,
    report_of,
    run_of,
)

FAILURE = Failure(step=Step.CHUNK, message="Too many would leave. Look first.")
SKIPPED = Chunked(seconds=1, plan=None, audience="VIPs", interval_end=NOW, skipped="Newer data are there.")


@pytest.fixture
def records(tmp_path: Path) -> SegmentRecords:
    return SegmentRecords(Workspace(fsspec.filesystem("file"), str(tmp_path)), "runs/e/r/s")


BEFORE = [VALIDATED, NORMALISED]
STOPPED = "The task stopped without reporting a result"
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
        "Microsoft Advertising refused 1,203 of 1,520 members sent (X 1,200, Y 3); the next run sends them again.",
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
def test_each_outcome_follows_from_the_records(
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
         route=Route.APPLY, calls=2, sent=1_520, renewed=0, filtered=0, without_consent=0, modified=NOW,
    )  # fmt: skip


def test_what_was_refused_is_told_where_the_guard_stopped_it_too(records: SegmentRecords) -> None:
    delivered = DELIVERED.model_copy(update={"refused": {"TooNew": 300}})
    report = report_of(records, VALIDATED, NORMALISED, CHUNKED, delivered, FAILURE)
    assert (report.outcome, report.refused, report.sent) == (Outcome.FAILED, {"TooNew": 300}, 1_520)
    assert "300 refused by the service. chunk: Too many" in summary_of(run_of(report))
    assert "300 TooNew" in Page(html_of(run_of(report))).text


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
    assert "Ignored because of `ignore_guards`: Odd thing 0. Ignored" in summary_of(run)
    assert "ignored because of ignore_guards: Odd thing 3." in Page(html_of(run)).text
    early = run_of(report_of(records, written[0], FAILURE))
    assert "Look first. Ignored because of `ignore_guards`: Odd thing 0." in summary_of(early)


def test_who_was_kept_out_is_told_apart(records: SegmentRecords) -> None:
    rejects = RejectsFile(path="runs/e/r/s/rejects.parquet", rows=500, withheld=0)
    counts = {"filtered": 1_100, "without_consent": 200, "suppressed": 7, "rejects": rejects}
    normalised = NORMALISED.model_copy(update={"staged": NORMALISED.staged.model_copy(update=counts)})
    segment = report_of(records, VALIDATED, normalised, CHUNKED, DELIVERED)
    assert (segment.filtered, segment.without_consent, segment.suppressed) == (1_100, 200, 7)
    assert segment.rejects == "runs/e/r/s/rejects.parquet"
    report = run_of(segment)
    assert "500 rejected, 1,100 left out by where, 200 without consent, 7 members suppressed." in summary_of(
        report
    )
    page = html_of(report)
    for text in (
        "Kept out",
        "1,100 left out by where",
        "200 without consent",
        "7 members suppressed",
        rejects.path,
    ):
        assert text in page


@pytest.mark.parametrize(("before", "later", "told"), [(4, 0, 4), (4, 3, 7), (None, 3, 3), (None, 0, None)])
def test_who_asked_for_erasure_before_or_after_the_table_was_read(
    records: SegmentRecords, before: int | None, later: int, told: int | None
) -> None:
    """The upload looks at the register again, and takes out who has asked meanwhile."""
    normalised = NORMALISED.model_copy(
        update={"staged": NORMALISED.staged.model_copy(update={"erased": before})}
    )
    chunked = CHUNKED.model_copy(update={"plan": PLAN.model_copy(update={"erased": later})})
    segment = report_of(records, VALIDATED, normalised, chunked, DELIVERED)
    assert (segment.erased, segment.members) == (told, 2_000 - later)
    assert (f"{told} members erased" in summary_of(run_of(segment))) == bool(told)


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
    assert summary_of(report).count(words) == 1
    assert Page(html_of(report)).text.count(words) == 1
    assert "Clean" not in summary_of(report)
    [first, _] = json.loads(report.model_dump_json())["segments"]
    assert first["suppression_lists"] == [
        {"name": "Never", "rows": 1_200, "rejected": {"missing": 1_000, "domain_invalid": 2}},
        {"name": "Clean", "rows": 3, "rejected": {}},
    ]


def test_a_report_where_nobody_is_kept_out_does_not_speak_of_it(records: SegmentRecords) -> None:
    report = run_of(report_of(records, VALIDATED, NORMALISED, CHUNKED, DELIVERED))
    for text in (summary_of(report), html_of(report)):
        assert not [
            word
            for word in ("Kept out", "left out", "consent", "suppress", "rejects.parquet")
            if word in text
        ]


def test_counts_end_where_the_run_ended(records: SegmentRecords) -> None:
    first = report_of(records, VALIDATED, FAILURE)
    assert (first.profiles, first.valid, first.members, first.added, first.parts) == (3_000, *[None] * 4)
    second = report_of(records, NORMALISED, FAILURE)
    assert (second.valid, second.members, second.added, second.parts) == (2_500, 2_000, None, None)


REPLACING = CHUNKED.model_copy(
    update={"plan": PLAN.model_copy(update={"replaces": True, "renewed": 5, "damage": "A file is missing."})}
)


@pytest.mark.parametrize("end", [[FAILURE], []], ids=["the upload failed", "the run was stopped"])
def test_a_plan_that_was_not_carried_out_is_not_reported_as_done(
    records: SegmentRecords, end: list[BaseModel]
) -> None:
    segment = report_of(records, VALIDATED, NORMALISED, REPLACING, *end)
    assert (segment.outcome, segment.members) == (Outcome.FAILED, 2_000)
    done = ("added", "removed", "renewed", "sent", "parts", "route")
    assert {name: getattr(segment, name) for name in done} == dict.fromkeys(done)
    assert not segment.replaced
    report = run_of(segment, timed_out=not end)
    summary, page, terminal = summary_of(report), Page(html_of(report)).text, run_text(report)
    assert "2,000 members, 500 rejected. Its ledger could not be trusted: A file is missing." in summary
    for text in (summary, page, terminal):
        assert not [
            words for words in ("1,500", "1 part", "as a whole", "Replaced", "renewed") if words in text
        ]
    assert "2,000members of the segments\n" in page
    assert "–added\n" in page
    assert "if the column Sent names the parts; otherwise they were not delivered" in page


def test_a_dry_run_reports_what_would_be_done(records: SegmentRecords) -> None:
    """Also where a guard would stop it: its message alone does not say how many."""
    for end in ([], [FAILURE]):
        segment = report_of(records, VALIDATED, NORMALISED, REPLACING, *end, dry_run=True)
        assert (segment.added, segment.removed, segment.renewed, segment.parts) == (1_500, 20, 5, 1)
        assert (segment.replaced, segment.sent) == (True, None)
    page = Page(html_of(run_of(segment, dry_run=True))).text
    assert "1,500would be added" in page
    assert "A dry run changes no audience." in page


def test_the_route_that_was_taken_counts_not_the_planned_one(records: SegmentRecords) -> None:
    assert report_of(records, VALIDATED, NORMALISED, CHUNKED, dry_run=True).route is Route.BULK
    assert report_of(records, DELIVERED).route is Route.APPLY


def test_data_that_was_forced_over_newer_data(records: SegmentRecords) -> None:
    delivered = DELIVERED.model_copy(update={"forced_over": NOW})
    segment = report_of(records, VALIDATED, NORMALISED, CHUNKED, delivered)
    assert segment.forced_over == NOW
    report = run_of(segment)
    assert "Applied by force over newer data (up to 2026-06-01 12:00 UTC)." in summary_of(report)
    assert "applied by force over newer data (up to 2026-06-01 12:00 UTC)" in html_of(report)
