"""All metrics: what they are called, what they count, and what tells them apart. docs/metrics.md shows this table.

Values of tags are names and numbers: never an address, a digest or a text of the service. A metric that counts has no
tag for the segment, because an export may have thousands; the gauges describe one audience each, and have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["METRICS", "PREFIX", "Kind", "Metric"]

PREFIX: Final = "customer_match"


class Kind(StrEnum):
    """The kind of a metric, in the words of StatsD and Airflow."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: Its name below `PREFIX`.
        kind: Its kind.
        unit: What its values count; milliseconds for timers, as StatsD defines them.
        tags: Names of its tags, in the order in which plain StatsD has their values in the name.
        meaning: What it says.
    """

    name: str
    kind: Kind
    unit: str
    tags: tuple[str, ...]
    meaning: str

    @property
    def full_name(self) -> str:
        """The name with our prefix; Airflow puts its own before it."""
        return f"{PREFIX}.{self.name}"

    @property
    def prometheus_name(self) -> str:
        """Its name in Prometheus, by way of the StatsD exporter; with Airflow's own prefix."""
        suffix = {Kind.COUNTER: "_total", Kind.GAUGE: "", Kind.TIMER: "_seconds"}[self.kind]
        return f"airflow_{PREFIX}_{self.name}{suffix}"


METRICS: Final[dict[str, Metric]] = {}
"""All metrics by name, in the order of the documentation."""


def _metric(name: str, kind: Kind, unit: str, tags: tuple[str, ...], meaning: str) -> Metric:
    METRICS[name] = Metric(name, kind, unit, tags, meaning)
    return METRICS[name]


_EXPORT: Final = ("export", "account")
_AUDIENCE: Final = (*_EXPORT, "segment")


def _of_run(name: str, unit: str, meaning: str, *more: str) -> Metric:
    return _metric(name, Kind.COUNTER, unit, (*_EXPORT, *more), meaning)


def _of_audience(name: str, unit: str, meaning: str) -> Metric:
    return _metric(name, Kind.GAUGE, unit, _AUDIENCE, meaning)


RUNS: Final = _of_run("runs", "runs", "Runs that have ended, by `state`: as in the history", "state")
SEGMENTS: Final = _of_run("segments", "segments", "Segments, by the `outcome` in the report", "outcome")
GUARDS: Final = _of_run("guards", "findings", "Guards that stopped a segment, by their key", "guard")
PROFILES: Final = _of_run("profiles", "rows", "Rows read")
VALID: Final = _of_run("valid", "rows", "Rows with a usable address")
REJECTED: Final = _of_run("rejected", "rows", "Rows without a usable address, by `reason`", "reason")
DUPLICATES: Final = _of_run("duplicates", "addresses", "Addresses that occurred before in the same segment")
ADDED: Final = _of_run("added", "members", "Members added to audiences")
REMOVED: Final = _of_run("removed", "members", "Members removed from audiences")
RENEWED: Final = _of_run("renewed", "members", "Members sent again so that they do not expire")
SENT: Final = _of_run("sent", "members", "Members in the parts that were sent")
REFUSED: Final = _of_run(
    "refused", "members", "Members that the service refused, by the name of its error", "reason"
)
PARTS: Final = _of_run("parts", "parts", "Parts that were sent, by `route`: `bulk` or `apply`", "route")

LAST_SUCCESS: Final = _metric(
    "last_success_timestamp",
    Kind.GAUGE,
    "seconds since 1970",
    _EXPORT,
    "When the last run ended in which every segment was delivered, or unchanged",
)
MEMBERS: Final = _of_audience("members", "members", "Members of the audience after its last delivery")
SEARCH_SIZE: Final = _of_audience(
    "search_size", "users", "Matched users in search, as the service reports them; one or two days late"
)
NETWORK_SIZE: Final = _of_audience("network_size", "users", "Matched users in the audience network, likewise")
MATCH_RATE: Final = _of_audience(
    "match_rate",
    "ratio",
    "Matched users per member of the audience. It can exceed 1, as an address can belong to several users",
)
SOURCE_AGE: Final = _of_audience(
    "source_age_seconds", "seconds", "Age of the segment's table when the run ended"
)

STEP_DURATION: Final = _metric(
    "step_duration",
    Kind.TIMER,
    "milliseconds",
    ("export", "step"),
    "Working time of one step of one segment: `validate`, `normalise` or `chunk`; failed ones too",
)
UPLOAD_DURATION: Final = _metric(
    "upload_duration",
    Kind.TIMER,
    "milliseconds",
    ("account",),
    "Time from the start of a segment's upload to its end, waits included",
)
CALLS: Final = _metric(
    "calls",
    Kind.COUNTER,
    "calls",
    ("account", "service", "code"),
    "Calls of the service, each try by itself. `code` is the service's error code, or `ok`, `expired` (of a URL), "
    "`unavailable` (no answer, or a temporary HTTP status) or `refused` (without a code)",
)
BYTES_SENT: Final = _metric(
    "bytes_sent", Kind.COUNTER, "bytes", ("account",), "Size of the upload files sent"
)
WAIT: Final = _metric(
    "wait",
    Kind.TIMER,
    "milliseconds",
    ("account", "reason"),
    "Waits: `upload` (until the service had processed a file), `retry` (before a call was repeated), `asked` (for as "
    "long as the service asked), `busy` (for another run on the same audience)",
)
