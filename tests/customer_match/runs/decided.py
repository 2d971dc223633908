"""A finding and decisions on it, which several tests share."""

from __future__ import annotations

from datetime import UTC, datetime

from customer_match.runs.decisions import Decision, Verdict
from customer_match.runs.findings import Finding

REMOVED = Finding(
    words="600 of 1,000 members would be removed from the audience 'VIPs'.",
    keys=("max_removed",),
    figures={"max_removed": 0.6},
)
DECIDED = datetime(2026, 6, 1, 12, tzinfo=UTC)
_WHY = {Verdict.APPROVED: "we cleaned up", Verdict.REFUSED: "half of the table is missing"}


def decision(verdict: Verdict, *findings: Finding, by: str = "anna", why: str = "") -> Decision:
    """A decision on findings; on REMOVED if none are given."""
    return Decision(
        verdict=verdict, by=by, at=DECIDED, why=why or _WHY[verdict], findings=findings or (REMOVED,)
    )
