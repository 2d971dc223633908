"""The check: create a disposable list, run every probe, always delete the list, and report."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx

from customer_match.errors import CustomerMatchError
from microsoft_advertising.account import Account
from microsoft_advertising.environment import Environment
from microsoft_advertising_live_check.probes import PROBES, Finding, Probe, Verdict
from microsoft_advertising_live_check.session import Session
from microsoft_advertising_simulator.behaviours.table import BEHAVIOURS, Basis, Behaviour

__all__ = ["PLAN", "Record", "run"]

PLAN: Final = """\
This check acts on a real account of Microsoft Advertising. It will
  - sign in with the credentials that you name, and create one customer list, "customer-match live check" and a
    random suffix; some probes create up to five more, whose names begin in the same way;
  - send about 20 small Bulk files and about 25 calls, several of them deliberately wrong: they count towards the
    account's call limits; no campaign, ad or other list is changed, and we know of no price for calls;
  - add fewer than 30 made-up hashes to these lists. They are random digits, not the hash of any known address;
  - delete these lists at the end, also after a failure, and report any that remain;
  - record what it observed as codes and states, without tokens, hashes and texts of the service.
It takes some minutes, with --slow five more. The terms of Customer Match must have been accepted (code 8003).
We know of no page that says whether made-up members are allowed; ask your account manager if you are unsure.
"""


@dataclass(frozen=True)
class Record:
    """The results of a run.

    Attributes:
        began: Start time.
        environment: production, sandbox, or the base URL of a simulator.
        findings: One for each row of the table that a probe checked.
        trouble: Probes that failed, and why: error classes and codes.
        calls: Requests that probes sent in addition to the client's own.
        uploads: Files that were processed.
        left: Ids of lists that could not be deleted; empty if all were deleted.
    """

    began: datetime
    environment: str
    findings: tuple[Finding, ...]
    trouble: tuple[str, ...]
    calls: int
    uploads: int
    left: tuple[str, ...]

    def rows(self) -> list[tuple[Behaviour, Finding]]:
        """Return every assumed row of the table, and other rows that a probe checked, in the table's order."""
        seen = {finding.key: finding for finding in self.findings}
        unseen = {entry.key: Finding(entry.key, Verdict.NOT_SEEN, "no probe") for entry in BEHAVIOURS}
        return [
            (entry, seen.get(entry.key, unseen[entry.key]))
            for entry in BEHAVIOURS
            if entry.basis is Basis.ASSUMED or entry.key in seen
        ]

    def count(self, verdict: Verdict) -> int:
        """Return the number of rows with a verdict."""
        return sum(finding.verdict is verdict for _, finding in self.rows())


def run(
    account: Account, environment: Environment, *, slow: bool = False, probes: Sequence[Probe] = PROBES,
    wait: Callable[[float], None] = time.sleep, tell: Callable[[str], None] = lambda _: None,
) -> Record:  # fmt: skip
    """Check the service. It acts on the account: ask a human first.

    Args:
        account: The account.
        environment: The environment.
        slow: Also run the probes that wait for minutes.
        probes: The probes to run.
        wait: Sleeps for a number of seconds.
        tell: Called with each line of progress.

    Raises:
        CustomerMatchError: Signing in failed, or the disposable list could not be created.
    """
    began = datetime.now(UTC)
    findings: list[Finding] = []
    trouble: list[str] = []
    with Session(account, environment, wait=wait, slow=slow) as session:
        left: list[str] = []
        try:
            session.create_list()
            for probe in probes:
                tell(f"{probe.__name__.replace('_', ' ')} …")
                _run_one(probe, session, findings, trouble)
        finally:
            left += session.delete_lists()
            tell("all lists of the check are deleted" if not left else f"NOT deleted: {', '.join(left)}")
    return Record(
        began, environment.name, tuple(findings), tuple(trouble), session.calls, session.uploads, tuple(left)
    )


_PROBE_ERRORS = (CustomerMatchError, httpx.HTTPError, zipfile.BadZipFile, LookupError, ValueError, OSError)
"""Errors that an unexpected answer may cause in a probe; the other probes still run."""


def _run_one(probe: Probe, session: Session, findings: list[Finding], trouble: list[str]) -> None:
    """Run one probe; findings from before a failure count."""
    try:
        findings.extend(_check_key(finding) for finding in probe(session))
    except _PROBE_ERRORS as error:
        codes = getattr(error, "codes", ())
        reason = type(error).__name__ + "".join(f" {code}" for code in codes)
        trouble.append(f"{probe.__name__}: {reason}")


def _check_key(finding: Finding) -> Finding:
    if finding.key not in {entry.key for entry in BEHAVIOURS}:
        raise KeyError(finding.key)
    return finding
