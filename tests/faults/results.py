"""What came of the rows, and where it is kept: `.faults/results.json`."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from customer_match.project import PROJECT
from tests.faults.matrix import MATRIX

__all__ = ["RESULTS", "Outcome", "keep", "kept"]

RESULTS = PROJECT / ".faults" / "results.json"


@dataclass(frozen=True)
class Outcome:
    """What a row did.

    Attributes:
        row: Its name.
        fault: What happened.
        where: In which stage.
        recovered_by: What made it right; empty if nothing did.
        uploads: Bulk files that the service accepted, over all runs of the row.
        calls: Calls with members that it answered, likewise.
        members: Members that the audiences hold and must hold.
        expected: Members that they must hold.
        wrong: What was not as it must be; empty if all was right.
        seconds: How long the row took.
        played: When, UTC.
        under: Under what it was played.
        not_here: Why this machine cannot play it; empty if it did.
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


def keep(outcomes: Iterable[Outcome], path: Path = RESULTS) -> None:
    """Write outcomes down; those of rows that were not played now, and are in the matrix still, stay."""
    path.parent.mkdir(exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # rows are played side by side
        by_name = {outcome.row: outcome for outcome in (*kept(path), *outcomes)}
        in_order = [by_name[row.name] for row in MATRIX if row.name in by_name]
        new = path.with_suffix(".new")
        new.write_text(json.dumps([asdict(outcome) for outcome in in_order], indent=1))
        new.rename(path)


def kept(path: Path = RESULTS) -> list[Outcome]:
    """The outcomes that were written down, in the order of the matrix; none if there is no file."""
    return [Outcome(**values) for values in json.loads(path.read_text())] if path.exists() else []
