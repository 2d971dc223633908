"""Turns errors into the end of a task: records them for the report, and retries only where this can help."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from customer_match.errors import CustomerMatchError, TransientError
from customer_match.log_fields import log_fields
from customer_match.redaction import logger, without_addresses
from customer_match.runs.findings import Finding, keys_of
from customer_match.runs.guards import GuardTripped
from customer_match.runs.records import Failure, SegmentRecords, Step

__all__ = ["record_failure", "translate_errors"]

log = logger(__name__)


@contextmanager
def translate_errors(step: Step, records: SegmentRecords | None) -> Iterator[None]:
    """Let errors end the task. The last line of its log then says what to do.

    Args:
        step: The step of the task.
        records: Where to record the failure for the report; None: nowhere.

    Raises:
        AirflowFailException: For errors that a retry cannot solve.
        TransientError: For errors that Airflow should retry.
        RuntimeError: For unexpected errors; Airflow retries them.
    """
    try:
        yield
    except (AirflowFailException, AirflowSkipException, TaskDeferred):  # say already what to do
        raise
    except CustomerMatchError as error:
        message = without_addresses(str(error))
        findings = error.findings if isinstance(error, GuardTripped) else ()
        record_failure(step, records, message, findings=findings)
        with log_fields(tracking_id=error.tracking_id):
            log.error("%s", message)  # noqa: TRY400 (the message says what to do)
        # Without the cause: Airflow would log its message too.
        if isinstance(error, TransientError):
            raise TransientError(message, retry_after=error.retry_after) from None
        raise AirflowFailException(message) from None
    except Exception as error:  # noqa: BLE001 (raised again without addresses)
        # A library's message may quote a cell of the table, so addresses are replaced.
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = without_addresses(
            f"Unexpected {type(error).__name__} at {place.name} ({place.filename}:{place.lineno}): {error}"
        )
        record_failure(step, records, message)
        log.error("%s", message)  # noqa: TRY400 (the traceback would show the original message)
        raise RuntimeError(message) from None


def record_failure(
    step: Step, records: SegmentRecords | None, message: str, *, findings: tuple[Finding, ...] = ()
) -> None:
    """Record a failure for the report. If this fails too, only log it: the first failure is the one to report.

    Args:
        step: The step that failed.
        records: The records of the segment; None: there is nothing to record.
        message: What is wrong and what to do, without addresses and secrets.
        findings: What guards have found that stopped the segment.
    """
    if records is None:
        return
    try:
        records.write(Failure(step=step, message=message, guards=keys_of(findings), findings=findings))
    except Exception as error:  # noqa: BLE001 (as above)
        log.warning("The failure could not be recorded for the report: %s", type(error).__name__)
