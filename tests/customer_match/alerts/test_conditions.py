"""Which problems a report shows."""

from __future__ import annotations

import pytest

from customer_match.alerts.conditions import WHOLE_RUN, Findings, findings_of, findings_without_report
from customer_match.export.alerts.section import Kind
from customer_match.runs.report import Outcome, SegmentReport
from tests.customer_match.runs.reports import a_segment, run_of


def found(*segments: SegmentReport, above: float = 0.2, stopped: str | None = None) -> Findings:
    return findings_of(run_of(*segments), above, is_complete=True, stopped=stopped)


def kinds(*segments: SegmentReport, above: float = 0.2) -> dict[str, Kind]:
    return {one.place: one.kind for one in found(*segments, above=above).conditions}


@pytest.mark.parametrize(
    ("outcome", "changes", "kind"),
    [
        (Outcome.DELIVERED, {}, None),
        (Outcome.UNCHANGED, {}, None),
        (Outcome.EMPTIED, {}, None),
        (Outcome.SKIPPED, {"valid": None, "rejected": {}}, None),
        (Outcome.FAILED, {"message": "validate: no table"}, Kind.FAILURE),
        (Outcome.FAILED, {"message": "chunk: too many", "guards": ("max_removed",)}, Kind.GUARD),
        (Outcome.REFUSED_SOME, {"message": "refused 3"}, Kind.PARTIAL),
    ],
)
def test_the_kind_of_each_outcome(outcome: Outcome, changes: dict[str, object], kind: Kind | None) -> None:
    assert kinds(a_segment(outcome, **changes)) == ({"VIPs": kind} if kind else {})


def test_too_many_rejected_profiles() -> None:
    """500 of 3,000: the share is of the profiles that were judged, as for the guard."""
    assert kinds(a_segment(), above=0.166) == {"VIPs": Kind.PARTIAL}
    assert kinds(a_segment(), above=0.167) == {}
    [one] = found(a_segment(), above=0.1).conditions
    assert "500 profiles (16.7%) have no usable address (missing 400, not_an_address 100)" in one.message
    none = a_segment(valid=0, rejected={})
    assert kinds(none, above=0) == {}


def test_refused_and_rejected_are_one_condition() -> None:
    [one] = found(a_segment(Outcome.REFUSED_SOME, message="Refused 3."), above=0.1).conditions
    assert one.message.startswith("Refused 3. 500 profiles")


def test_a_stopped_run_is_a_condition_of_its_own() -> None:
    findings = found(a_segment(), a_segment(Outcome.FAILED, audience="Lost"), stopped="It took too long.")
    assert [(one.place, one.kind) for one in findings.conditions] == [
        (WHOLE_RUN, Kind.FAILURE),
        ("Lost", Kind.FAILURE),
    ]
    assert findings.segments == 2


def test_what_a_run_says_about_places() -> None:
    findings = found(a_segment(), a_segment(Outcome.SKIPPED, audience="Old", valid=None, rejected={}))
    assert [findings.has_ended(place) for place in (WHOLE_RUN, "VIPs", "Old", "Gone")] == [
        True,
        True,
        False,
        True,
    ]
    partly = findings_of(run_of(a_segment()), 0.2, is_complete=False, stopped=None)
    assert [partly.has_ended(place) for place in ("VIPs", "Gone")] == [True, False]
    nothing = findings_without_report("No table was found.")
    assert [nothing.has_ended(place) for place in (WHOLE_RUN, "VIPs")] == [True, False]
    assert nothing.conditions[0].message == "No table was found."
