"""Common parts of a segment's steps: error handling, time measurement, and guards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.metrics import table
from airflow_microsoft_advertising.metrics.sending import send
from airflow_microsoft_advertising.run.failures import translate_errors
from customer_match.log_fields import log_fields
from customer_match.redaction import logger
from customer_match.runs.findings import Finding
from customer_match.runs.guards import judge
from customer_match.runs.records import SegmentRecords, Step

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment

__all__ = ["Elapsed", "apply_guards", "judge_findings", "segment_step"]

log = logger(__name__)

Elapsed = Callable[[], float]
"""Seconds since a step began."""


@contextmanager
def segment_step(run: ExportRun, step: Step, segment: Segment) -> Iterator[Elapsed]:
    """Run a step of a segment. Errors are recorded for the report, and end the task.

    Raises:
        AirflowFailException: For errors that a retry cannot solve.
        TransientError: For errors that Airflow should retry.
    """
    started = time.monotonic()
    try:
        with _fields_of(run, segment), translate_errors(step, run.records(segment)):
            yield lambda: time.monotonic() - started
    finally:
        send(table.STEP_DURATION, time.monotonic() - started, export=run.export.name, step=step)


def _fields_of(run: ExportRun, segment: Segment) -> AbstractContextManager[None]:
    return log_fields(export=run.export.name, segment=run.export.identity(segment))


def apply_guards(run: ExportRun, segment: Segment, *findings: Finding | None) -> tuple[str, ...]:
    """Stop a step of a segment if a guard has a finding; see `judge_findings`."""
    return judge_findings(run.records(segment), *findings, ignore=run.ignore_guards, on_page=run.on_page)


def judge_findings(
    records: SegmentRecords, *findings: Finding | None, ignore: bool, on_page: bool
) -> tuple[str, ...]:
    """Stop a step if a guard has a finding, unless the run ignores guards or somebody has approved the finding.

    Args:
        records: The records of the segment, with the decisions on earlier findings in this run.
        findings: The findings of the guards; None: no finding.
        ignore: Log the findings and continue.
        on_page: Whether Airflow has a page of the export, where people decide on the findings.

    Returns:
        Messages of the ignored findings.

    Raises:
        GuardTripped: There are findings that are neither ignored nor approved.
    """
    if not any(findings):
        return ()
    decisions = records.decisions.read()
    overridden = judge(*findings, ignore=ignore, decisions=decisions, on_page=on_page)
    for message in overridden:
        log.warning("Ignored because of `ignore_guards`: %s", message)
    if not ignore:
        for decision in decisions:
            log.warning("%s", decision.words)
    return overridden
