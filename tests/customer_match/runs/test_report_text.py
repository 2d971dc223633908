"""The report in a few lines of text."""

from __future__ import annotations

import pytest

from customer_match.runs.report import Outcome, SegmentReport
from customer_match.runs.report_text import is_summary, summary_of
from tests.customer_match.runs.reports import a_segment, run_of


def test_summary_of_a_good_run() -> None:
    refused = a_segment(Outcome.REFUSED_SOME, audience="New", refused={"X": 2, "Y": 1}, removed=None)
    assert summary_of(run_of(a_segment(), refused)) == (
        "2 of 2 segments succeeded.\n"
        "- VIPs: delivered; 3,000 profiles, 2,000 members, 1,500 added, 20 removed, 500 rejected.\n"
        "- New: refused some; 3,000 profiles, 2,000 members, 1,500 added, unknown removed, 500 rejected, "
        "3 refused by the service."
    )


def test_summary_says_what_failed_and_why() -> None:
    failed = SegmentReport(segment="t", audience="T", outcome=Outcome.FAILED, message="validate: Not found.")
    late = a_segment(Outcome.FAILED, added=None, removed=None, parts=None, message="chunk: Look first.")
    run = run_of(a_segment(), failed, late, dry_run=True)
    lines = summary_of(run).splitlines()
    assert run.failed == 2
    assert lines[0] == "1 of 3 segments succeeded (dry run: nothing was sent)."
    assert lines[1] == "- T: failed. validate: Not found."
    assert lines[2] == "- VIPs: failed; 3,000 profiles, 2,000 members, 500 rejected. chunk: Look first."
    assert lines[3].startswith("- VIPs: delivered; "), "a note may be cut off, so failures come first"


def test_a_summary_is_recognised() -> None:
    assert is_summary(summary_of(run_of(a_segment(), dry_run=True)))
    assert not is_summary("2 of 3 segments are late")


def test_summary_of_a_run_without_segments() -> None:
    assert summary_of(run_of()) == "0 of 0 segments succeeded."


@pytest.mark.parametrize("outcome", Outcome)
def test_lines_have_single_spaces(outcome: Outcome) -> None:
    assert "  " not in summary_of(run_of(a_segment(outcome, message="Words.")))
