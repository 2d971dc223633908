"""The check itself: make a disposable list, run every probe, delete the list whatever happens, tell."""

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
   random suffix; some probes create up to five more, whose names begin alike;
 - send some 20 small Bulk files and some 25 calls, several of them wrong on purpose: the account's call limits
   count them; no campaign, ad or other list is touched, and we know of no price for calls;
 - put fewer than 30 made-up hashes into these lists. They are random digits, the hash of nobody's address;
 - delete these lists in the end, also after a failure, and tell if one is left;
 - write what it saw as codes and states, without tokens, hashes and texts of the service.
It takes some minutes, with --slow five more. The terms of Customer Match must have been accepted (code 8003).
No page that we know says whether made-up members are welcome; ask your account manager if you are unsure.
"""


@dataclass(frozen=True)
class Record:
    """What a run saw.

    Attributes:
        began: When.
        environment: production, sandbox, or the base URL of a stand-in.
        findings: By key of the table's rows; one for each row that a probe looked at.
        trouble: Probes that broke off, and why: names of errors and codes.
        calls: Requests that probes sent beside the client's own.
        uploads: Files that were processed.
        left: Whether all lists of the run are deleted: ids of those that are not.
    """

    began: datetime
    environment: str
    findings: tuple[Finding, ...]
    trouble: tuple[str, ...]
    calls: int
    uploads: int
    left: tuple[str, ...]

    def rows(self) -> list[tuple[Behaviour, Finding]]:
        """Every assumed row of the table, and each other one that a probe looked at, in the table's order."""
        seen = {finding.key: finding for finding in self.findings}
        unseen = {entry.key: Finding(entry.key, Verdict.NOT_SEEN, "no probe") for entry in BEHAVIOURS}
        return [
            (entry, seen.get(entry.key, unseen[entry.key]))
            for entry in BEHAVIOURS
            if entry.basis is Basis.ASSUMED or entry.key in seen
        ]

    def count(self, verdict: Verdict) -> int:
        """How many rows have a verdict."""
        return sum(finding.verdict is verdict for _, finding in self.rows())


def run(
    account: Account, environment: Environment, *, slow: bool = False, probes: Sequence[Probe] = PROBES,
    wait: Callable[[float], None] = time.sleep, tell: Callable[[str], None] = lambda _: None,
) -> Record:  # fmt: skip
    """Check the service. Acts on the account: ask a human first.

    Args:
        account: Whose account.
        environment: Where.
        slow: Run the probes, too, that wait for minutes.
        probes: Which.
        wait: Sleeps.
        tell: Gets one line of progress after another.

    Raises:
        CustomerMatchError: Signing in failed, or the disposable list could not be made.
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


_BREAKS_OFF = (CustomerMatchError, httpx.HTTPError, zipfile.BadZipFile, LookupError, ValueError, OSError)
"""What a probe may meet in an answer that is not what it expects; the others go on."""


def _run_one(probe: Probe, session: Session, findings: list[Finding], trouble: list[str]) -> None:
    """What a probe found before it broke off counts."""
    try:
        findings.extend(_known(finding) for finding in probe(session))
    except _BREAKS_OFF as error:
        codes = getattr(error, "codes", ())
        reason = type(error).__name__ + "".join(f" {code}" for code in codes)
        trouble.append(f"{probe.__name__}: {reason}")


def _known(finding: Finding) -> Finding:
    if finding.key not in {entry.key for entry in BEHAVIOURS}:
        raise KeyError(finding.key)
    return finding
