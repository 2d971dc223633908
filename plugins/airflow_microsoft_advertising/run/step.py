"""Common parts of a segment's steps: error handling, time measurement, and guards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.run.failures import translate_errors
from customer_match.redaction import logger
from customer_match.runs.guards import Finding, judge
from customer_match.runs.records import Step

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment

__all__ = ["Elapsed", "apply_guards", "segment_step"]

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
    with translate_errors(step, run.records(segment)):
        yield lambda: time.monotonic() - started


def apply_guards(*findings: Finding | None, ignore: bool) -> tuple[str, ...]:
    """Stop a step if a guard has a finding.

    Args:
        findings: The findings of the guards; None: no finding.
        ignore: Log the findings and continue.

    Returns:
        Messages of the ignored findings.

    Raises:
        GuardTripped: There are findings, and `ignore` is False.
    """
    overridden = judge(*findings, ignore=ignore)
    for message in overridden:
        log.warning("Ignored because of `ignore_guards`: %s", message)
    return overridden
