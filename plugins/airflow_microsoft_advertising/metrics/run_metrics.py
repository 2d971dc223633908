"""What the report of a run says in metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from airflow_microsoft_advertising.metrics import table
from airflow_microsoft_advertising.metrics.sending import send
from airflow_microsoft_advertising.metrics.table import Metric
from customer_match.runs.report import Outcome, RunReport, SegmentReport
from customer_match.runs.states import RunState

__all__ = ["send_report"]

_SUMS = (table.PROFILES, table.VALID, table.DUPLICATES, table.ADDED, table.REMOVED, table.RENEWED, table.SENT)
"""Metrics that have the name of a figure of the segments."""

_IN_PLACE = {Outcome.DELIVERED, Outcome.UNCHANGED, Outcome.EMPTIED, Outcome.REFUSED_SOME}
"""Outcomes after which the audience holds the segment's members."""


class _Count(NamedTuple):
    """What is counted: a metric, and the value of the tag that it has beside those of the export."""

    metric: Metric
    value: str = ""


def send_report(report: RunReport, earlier: RunReport | None, *, account: str) -> None:
    """Send the metrics of a run. Of a dry run, only that it was one.

    Args:
        report: Its report.
        earlier: The report that it replaces, for example of the same run before its tasks were cleared; None: it is
            the first. Counters get what has been added since, so that nothing counts twice.
        account: Id of the account.
    """
    tags = {"export": report.export, "account": account}
    before = _counts(earlier) if earlier else Counter[_Count]()
    for (metric, value), number in (_counts(report) - before).items():
        own = {name: value for name in metric.tags if name not in tags}
        send(metric, number, **tags, **own)
    if report.dry_run:
        return
    if report.state is RunState.SUCCESS:
        send(table.LAST_SUCCESS, report.finished.timestamp(), **tags)
    for segment in report.segments:
        for metric, measured in _measures(report, segment):
            send(metric, measured, **tags, segment=segment.segment)


def _counts(report: RunReport) -> Counter[_Count]:
    counts = Counter({_Count(table.RUNS, report.state): 1})
    if report.dry_run:
        return counts
    for segment in report.segments:
        counts[_Count(table.SEGMENTS, segment.outcome)] += 1
        for metric in _SUMS:
            counts[_Count(metric)] += getattr(segment, metric.name) or 0
        counts[_Count(table.PARTS, segment.route or "")] += segment.parts or 0
        for guard in segment.guards:
            counts[_Count(table.GUARDS, guard)] += 1
        for metric, figures in ((table.REJECTED, segment.rejected), (table.REFUSED, segment.refused)):
            for reason, number in figures.items():
                counts[_Count(metric, reason)] += number
    return +counts


def _measures(report: RunReport, segment: SegmentReport) -> Iterator[tuple[Metric, float]]:
    if segment.outcome in _IN_PLACE and segment.members is not None:
        yield table.MEMBERS, segment.members
    if segment.modified is not None:
        yield table.SOURCE_AGE, max(0.0, (report.finished - segment.modified).total_seconds())
    sizes = segment.sizes
    if sizes is None:
        return
    for metric, size in (
        (table.SEARCH_SIZE, sizes.search_size),
        (table.NETWORK_SIZE, sizes.network_size),
        (table.MATCH_RATE, sizes.match_rate),
    ):
        if size is not None:
            yield metric, size
