"""The events of a soak: a pure function of its seed, so that a soak can be repeated.

Only the timing depends on the machine (how far a run has come when it is killed).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

__all__ = ["FAULTS", "Mischief", "Round", "Shape", "Start", "Trick", "rounds", "segments"]

_SEGMENTS: Final = ("Alpha", "Beta", "Gamma", "Delta")


class Mischief(StrEnum):
    """Changes by users or disks between two runs."""

    DELETE_AUDIENCE = "audience deleted"
    DAMAGE_STATE = "newest state damaged"
    DAMAGE_BOUNDS = "bounds damaged"
    LOSE_LEDGER = "ledger lost"
    LOSE_STATES = "newest states lost"
    RESTORE = "ledger put back from a copy"


class Shape(StrEnum):
    """Format of a table."""

    PARQUET = "parquet"
    CSV = "csv"
    LOG = "log of changes"


@dataclass(frozen=True)
class Trick:
    """A mischief and the affected segment."""

    kind: Mischief
    segment: str


@dataclass(frozen=True)
class Start:
    """One run.

    Attributes:
        arguments: Arguments of the run.
        after: Start in seconds after the round's first run.
        killed_after: Seconds until kill -9; None: it is not killed.
        interrupted: Whether it gets SIGINT instead, as from Ctrl-C.
        in_batch: Whether its segments share a task, as in the DAG. If it is killed, it is retried as by Airflow.
    """

    arguments: tuple[str, ...] = ()
    after: float = 0.0
    killed_after: float | None = None
    interrupted: bool = False
    in_batch: bool = False


@dataclass(frozen=True)
class Round:
    """Changes, faults, and the runs that must handle them.

    Attributes:
        churn: Share of each segment's profiles that change before the runs.
        sizes: Each segment's new size, as a share of the old one.
        shapes: Format of each segment's table from now on.
        trick: A mischief before the runs.
        keys: Keys of the export file that are set before the runs.
        faults: Names of the service's faults.
        runs: One run, or two at the same time.
        service_killed_after: Seconds until kill -9 of the service, which is then restarted; None: it is not killed.
    """

    churn: dict[str, float]
    sizes: dict[str, float]
    shapes: dict[str, Shape]
    trick: Trick | None
    keys: dict[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    runs: tuple[Start, ...] = (Start(),)
    service_killed_after: float | None = None


# Calls may be lost, late or failing. Late calls with members arrive within their life time (a sixtieth of LIFE).
FAULTS: Final = MappingProxyType(
    {
        "creating is lost": {"operation": "AddAudiences", "kind": "drop_after_accept"},
        "creating never arrives": {"operation": "AddAudiences", "kind": "drop"},
        "a file's answer is lost": {"operation": "UploadFile", "kind": "drop_after_accept", "times": 2},
        "a file never arrives": {"operation": "UploadFile", "kind": "drop", "times": 4},
        "an upload URL has expired (3226)": {"operation": "UploadFile", "kind": "fault", "code": 3226},
        "calls are dropped": {"operation": "*", "kind": "drop", "times": 12, "probability": 0.2},
        "answers are lost": {"operation": "*", "kind": "drop_after_accept", "times": 12, "probability": 0.2},
        "calls hang": {"operation": "*", "kind": "hang", "seconds": 0.7, "times": 3, "probability": 0.3},
        "500": {"operation": "*", "kind": "raw", "status": 500, "times": 8, "probability": 0.3},
        "502": {"operation": "*", "kind": "raw", "status": 502, "body": "<html>", "times": 4},
        "503": {"operation": "*", "kind": "raw", "status": 503, "retry_after": 1, "times": 3},
        "answers are cut off": {
            "operation": "*",
            "kind": "truncate",
            "bytes": 9,
            "times": 6,
            "probability": 0.3,
        },
        "answers are short": {
            "operation": "GetBulkUploadStatus",
            "kind": "shorten",
            "bytes": 20,
            "times": 2,
        },
        "results are cut off": {"operation": "DownloadResult", "kind": "truncate", "bytes": 60, "times": 2},
        "results' address has expired": {"operation": "DownloadResult", "kind": "raw", "status": 403},
        "too many calls (117)": {"operation": "*", "kind": "fault", "code": 117, "times": 3, "nth": 4},
        "too many at once (207)": {
            "operation": "ApplyCustomerListUserData",
            "kind": "fault",
            "code": 207,
            "times": 2,
        },
        "too many URLs (4204)": {"operation": "GetBulkUploadUrl", "kind": "fault", "code": 4204, "times": 1},
        "the token expires": {"operation": "*", "kind": "fault", "code": 109, "status": 401, "nth": 5},
        "an upload fails": {"operation": "ProcessUpload", "kind": "fault", "code": 0},
        "an upload fails half-way": {
            "operation": "ProcessUpload",
            "kind": "fault",
            "code": 0,
            "applied": 0.5,
            "times": 2,
        },
        "an upload is slow": {"operation": "ProcessUpload", "kind": "delay", "seconds": 2.0},
        "rows are refused": {"operation": "JudgeItems", "kind": "refuse", "code": 8004, "share": 0.1},
        "calls of members land late": {
            "operation": "ApplyCustomerListUserData",
            "kind": "late",
            "seconds": 4.0,
            "status": 504,
            "times": 3,
            "probability": 0.5,
        },
        "calls of members lose answers": {
            "operation": "ApplyCustomerListUserData",
            "kind": "drop_after_accept",
            "times": 4,
            "probability": 0.6,
        },
    }
)


def segments(seed: int) -> tuple[str, ...]:
    """Return the segments of a soak: two to four."""
    return _SEGMENTS[: random.Random(f"segments {seed}").randint(2, 4)]


def rounds(seed: int, runs: int) -> Iterator[Round]:
    """Yield the rounds of a soak, with this number of runs in all."""
    names, left, number = segments(seed), runs, 0
    while left > 0:
        one = _round(random.Random(f"round {number} of {seed}"), names, most=left)
        left -= len(one.runs)
        number += 1
        yield one


def _round(luck: random.Random, names: tuple[str, ...], *, most: int) -> Round:
    return Round(
        churn={name: luck.choice((0.0, 0.01, 0.1, 0.3)) for name in names},
        sizes={name: luck.choice((1.0, 1.0, 1.0, 0.8, 1.3)) for name in names},
        shapes={name: luck.choice(list(Shape)) for name in names},
        trick=Trick(luck.choice(list(Mischief)), luck.choice(names)) if luck.random() < 0.2 else None,
        keys={
            "route": luck.choice(("auto", "bulk", "bulk", "apply")),
            "profiles_per_part": luck.choice((400, 700, 5_000)),
        },
        faults=tuple(luck.sample(sorted(FAULTS), luck.choice((0, 1, 2, 3, 4)))),
        runs=tuple(_start(luck, place) for place in range(min(most, 2 if luck.random() < 0.2 else 1))),
        service_killed_after=luck.uniform(0.3, 4.0) if luck.random() < 0.15 else None,
    )


def _start(luck: random.Random, place: int) -> Start:
    arguments: list[str] = []
    if luck.random() < 0.1:
        arguments.append("--full")
    if luck.random() < 0.05:
        arguments += ["--date", "2020-01-01"]
    return Start(
        arguments=tuple(arguments),
        after=luck.uniform(0.0, 1.5) if place else 0.0,
        killed_after=luck.uniform(0.2, 5.0) if luck.random() < 0.35 else None,
        interrupted=luck.random() < 0.2,
        in_batch=luck.random() < 0.5,
    )
