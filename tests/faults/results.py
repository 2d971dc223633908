"""Outcomes of the rows, stored in `.faults/results.json`."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from customer_match.project import PROJECT
from tests.faults.matrix import MATRIX

__all__ = ["RESULTS", "Outcome", "load", "store"]

RESULTS = PROJECT / ".faults" / "results.json"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a row.

    Attributes:
        row: Its name.
        fault: The fault.
        where: The stage in which it was injected.
        recovered_by: How the export recovered; empty if it did not.
        uploads: Bulk files that the service accepted, in all runs of the row.
        calls: Calls with members that it answered, in all runs of the row.
        members: Correct members that the audiences hold.
        expected: Members that they must hold.
        wrong: Errors; empty if the row was correct.
        seconds: Duration of the row.
        played: Time of the run, UTC.
        under: What it ran under.
        not_here: Why this machine cannot run it; empty if it did.
    """

    row: str
    fault: str
    where: str
    recovered_by: str = ""
    uploads: int = 0
    calls: int = 0
    members: int = 0
    expected: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: int = 0
    played: str = ""
    under: str = ""
    not_here: str = ""


def store(outcomes: Iterable[Outcome], path: Path = RESULTS) -> None:
    """Store outcomes; those of other rows stay if the rows are still in the matrix."""
    path.parent.mkdir(exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # rows run in parallel
        by_name = {outcome.row: outcome for outcome in (*load(path), *outcomes)}
        in_order = [by_name[row.name] for row in MATRIX if row.name in by_name]
        new = path.with_suffix(".new")
        new.write_text(json.dumps([asdict(outcome) for outcome in in_order], indent=1))
        new.rename(path)


def load(path: Path = RESULTS) -> list[Outcome]:
    """Return the stored outcomes, in the order of the matrix; empty if there is no file."""
    return [Outcome(**values) for values in json.loads(path.read_text())] if path.exists() else []
