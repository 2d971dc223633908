"""How an error ends a task: noted for the report, with words that say what to do, retried only where that helps."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from customer_match.errors import CustomerMatchError, TransientError
from customer_match.redaction import logger, without_addresses
from customer_match.runs.records import Failure, SegmentRecords, Step

__all__ = ["translate_errors"]

log = logger(__name__)


@contextmanager
def translate_errors(step: Step, records: SegmentRecords | None) -> Iterator[None]:
    """Let errors end the task so that its log's last lines say what to do.

    Args:
        step: What the task does.
        records: Where to note the failure for the report.

    Raises:
        AirflowFailException: For errors that trying again cannot mend.
        TransientError: For those that Airflow shall retry.
    """
    try:
        yield
    except (AirflowSkipException, TaskDeferred):
        raise
    except CustomerMatchError as error:
        message = without_addresses(str(error))
        _note(step, records, message)
        log.error("%s", message)  # noqa: TRY400 (the message says what to do)
        # Without the causes: Airflow would log their words as well.
        if isinstance(error, TransientError):
            raise TransientError(message, retry_after=error.retry_after) from None
        raise AirflowFailException(message) from None
    except Exception as error:  # noqa: BLE001 (raised again without addresses)
        # A library's words may quote a cell of the table: what is shown has no address in it.
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = without_addresses(
            f"Unexpected {type(error).__name__} at {place.name} ({place.filename}:{place.lineno}): {error}"
        )
        _note(step, records, message)
        log.error("%s", message)  # noqa: TRY400 (the traceback would show the original words)
        raise RuntimeError(message) from None


def _note(step: Step, records: SegmentRecords | None, message: str) -> None:
    if records is None:
        return
    try:
        records.write(Failure(step=step, message=message))
    except Exception as error:  # noqa: BLE001 (the first failure is the one to report)
        log.warning("The failure could not be noted for the report: %s", type(error).__name__)
