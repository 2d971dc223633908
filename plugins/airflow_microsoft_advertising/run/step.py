"""What the steps of a segment have in common: errors that say what to do, the time they take, and the guards."""

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
    """Do a step of a segment: its errors are noted for the report, and end the task.

    Raises:
        AirflowFailException: For errors that trying again cannot mend.
        TransientError: For those that Airflow shall retry.
    """
    started = time.monotonic()
    with translate_errors(step, run.records(segment)):
        yield lambda: time.monotonic() - started


def apply_guards(*findings: Finding | None, ignore: bool) -> tuple[str, ...]:
    """Let the guards stop a step.

    Args:
        findings: What they found.
        ignore: Whether the run lets it pass: it is then logged.

    Returns:
        What was let pass, in words.

    Raises:
        GuardTripped: The guards found something that the run does not let pass.
    """
    overridden = judge(*findings, ignore=ignore)
    for words in overridden:
        log.warning("Ignored because of `ignore_guards`: %s", words)
    return overridden
