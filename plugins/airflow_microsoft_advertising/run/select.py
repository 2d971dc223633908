"""The step `select`: checks that the run may begin, signs in, and chooses the segments of the run.

A wrong `cid` or `aid` is so found before anything is read, not hours later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from airflow_microsoft_advertising.audit.recording import record_start
from airflow_microsoft_advertising.connection.account_check import check_account
from airflow_microsoft_advertising.run.checks.permission import check_permission
from airflow_microsoft_advertising.run.failures import translate_errors
from customer_match.errors import ConfigurationError, TransientError
from customer_match.export.matching import segments_of, unmatched
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.planning.data_intervals import check_not_ahead
from customer_match.planning.known_tables import Changes
from customer_match.redaction import logger
from customer_match.runs.records import Step
from customer_match.safe_names import slug
from customer_match.wording import did_you_mean

if TYPE_CHECKING:
    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.planning.known_tables import Seen

__all__ = ["check_before_reading", "check_run", "refusals_recorded", "select_segments"]

log = logger(__name__)


@contextmanager
def refusals_recorded(run: ExportRun, names: Sequence[str]) -> Iterator[None]:
    """Record in the audit trail that a run begins, if checks refuse it before `select_segments` does so.

    Its end is recorded with its report. A fault is logged: the refusal is what users need to see.

    Args:
        run: The run.
        names: The segments that were asked for; empty: all.
    """
    try:
        yield
    except AirflowSkipException:
        raise
    except Exception:
        try:
            record_start(run, names, is_refused=True)
        except Exception as error:  # noqa: BLE001 (as above)
            log.warning("The audit trail has no start of this run: %s: %s", type(error).__name__, error)
        raise


def check_before_reading(run: ExportRun) -> None:
    """As `check_run`, in a task.

    Raises:
        AirflowFailException: The run may not begin, or the connection cannot act on the account; the message says
            what to do.
        TransientError: The connection cannot be read now.
    """
    with translate_errors(Step.VALIDATE, None):
        if note := check_run(run):
            log.warning("%s", note)


def check_run(run: ExportRun) -> str | None:
    """Check that a run may begin, and its account. A service that cannot be reached now stops no run.

    The upload tries again. A dry run sends nothing, so it also goes on without a connection.

    Returns:
        Why nothing was checked; None if the account can be used.

    Raises:
        ConfigurationError: As in `check_permission` and `check_account`.
        TransientError: The connection cannot be read now.
    """
    hook = run.hook
    if run.dry_run and not _is_defined(hook):
        return (
            f"This dry run does not sign in, because there is no Airflow connection {run.export.connection!r}. A real "
            "run needs it."
        )
    check_permission(run)
    try:
        check_account(hook, run.export)
    except TransientError as error:
        return f"The sign-in could not be checked before reading: {error}"
    return None


def select_segments(run: ExportRun, names: Sequence[str] = ()) -> list[Segment]:
    """Choose the segments of a run: all of the export, or those with the given names.

    This includes segments whose tables have vanished, if the export empties or deletes their audiences. If the run ends
    the audiences of the export, it is all that it has delivered. The audit trail records that the run begins.

    Args:
        run: The run.
        names: Names of tables or audiences; empty: all.

    Raises:
        AirflowFailException: The export has no segment of a name, no table was found, or the run's data interval ends
            in the future.
    """
    with translate_errors(Step.VALIDATE, None):
        record_start(run, names)  # before anything is read or sent: no run without an entry
        for folder in (
            "ledgers",
            "segments",
            f"runs/{slug(run.export.name)}",
            f"staged/{slug(run.export.name)}",
        ):
            run.workspace.clean(folder)
        check_not_ahead(run.interval_end, run.now())
        segments, changes = _all_to_end(run) if run.ending else _find(run)
        if names:
            segments, changes = _choose(run.export, segments, names), changes.chosen(names)
        run.changes.note(changes)
        return segments


def _is_defined(hook: MicrosoftAdvertisingHook) -> bool:
    from airflow.sdk.exceptions import AirflowNotFoundException  # noqa: PLC0415 (only for dry runs)

    try:
        hook.get_connection(hook.microsoft_advertising_conn_id)
    except AirflowNotFoundException:
        return False
    return True


def _find(run: ExportRun) -> tuple[list[Segment], Changes]:
    """Find all segments, and which tables vanished or appeared. Record missing tables for later runs."""
    export, root = run.export, run.source.root
    tables: Mapping[str, str] = run.tables() if export.has_patterns else {}
    segments = segments_of(export, tables)
    for name in unmatched(export, tables) if tables else ():
        log.warning("No table in %s matches the segment %r of the export file", root, name)
    changes = run.changes.detect(tables, segments)
    segments += run.changes.endings(changes, at_once=run.ignore_guards)
    if not segments:
        raise ConfigurationError(_no_table(export, root, changes), key="segments")
    if not run.dry_run:
        run.changes.note_missed(_without_later_deliveries(run, changes), tables)
    return segments, changes


def _all_to_end(run: ExportRun) -> tuple[list[Segment], Changes]:
    """The segments of all audiences of the export, to be emptied or deleted as whoever started the run ordered."""
    assert run.ending is not None  # noqa: S101 (the caller's condition)
    segments = run.changes.ordered_endings(run.ending)
    if not segments:
        raise ConfigurationError(
            f"The export {run.export.name!r} has delivered no audience that could be emptied or deleted. Remove its "
            "file."
        )
    return segments, Changes()


def _choose(export: Export, segments: Sequence[Segment], names: Sequence[str]) -> list[Segment]:
    chosen = [segment for segment in segments if segment.table in names or segment.audience in names]
    unknown = set(names) - {one.table for one in chosen} - {one.audience for one in chosen}
    if unknown:
        known = sorted({segment.audience for segment in segments})
        names = sorted(unknown)
        hint = did_you_mean(names[0], [*known, *(segment.table for segment in segments)])
        raise ConfigurationError(
            f"The export {export.name!r} has no segment {', '.join(names)}.{hint} Its segments: {', '.join(known)}."
        )
    return chosen


def _without_later_deliveries(run: ExportRun, changes: Changes) -> Changes:
    """Leave out vanished tables that a later run delivered: that a run for the past misses them proves nothing."""

    def is_missing(one: Seen) -> bool:
        newest = run.known(Segment(table=one.table, audience=one.audience)).interval_end
        return newest is None or newest <= run.interval_end

    return changes.model_copy(update={"vanished": tuple(filter(is_missing, changes.vanished))})


def _no_table(export: Export, root: str, changes: Changes) -> str:
    patterns = ", ".join(selection.table for selection in export.segments)
    message = (
        f"No table in {root} matches the segments of the export {export.name!r} ({patterns}). Correct `segments` "
        "or `source` in the export file, or check the job that writes the tables."
    )
    if changes.vanished and export.vanished != "keep":
        message += (
            " If the tables were removed for good, run the export once with `ignore_guards`: it then applies "
            f"`vanished: {export.vanished}`."
        )
    return message
