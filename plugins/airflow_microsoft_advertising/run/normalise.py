"""The step `normalise`: normalises and hashes a segment's addresses, and stages its distinct members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.erasure.kept_out import read_erased
from airflow_microsoft_advertising.lineage.collecting import describe_tables
from airflow_microsoft_advertising.run.step import apply_guards, segment_step
from airflow_microsoft_advertising.run.suppression import read_suppressed
from customer_match.profiles.staging import Staged, stage_members
from customer_match.redaction import logger
from customer_match.runs.findings import Finding
from customer_match.runs.guards import check_members, check_suppression
from customer_match.runs.records import Normalised, Step
from customer_match.tables.version import TableVersion, version_of
from customer_match.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment
    from customer_match.profiles.reading import ReadSpec
    from customer_match.profiles.tables_read import TableRead

__all__ = ["normalise_segment"]

log = logger(__name__)


def normalise_segment(run: ExportRun, segment: Segment) -> Normalised:
    """Read the table, hash its addresses, and stage the distinct members. A vanished table has no members.

    Raises:
        AirflowFailException: The table cannot be read, or a guard stops the step; the message says what to do.
        TransientError: The lake or the workspace cannot be reached now.
    """
    with segment_step(run, Step.NORMALISE, segment) as elapsed:
        path = f"{run.staged_folder(segment)}/members.parquet"
        staged, tables, read = (
            (Staged.nobody(run.workspace, path), (), ()) if segment.ending else _stage(run, segment, path)
        )
        findings = () if segment.ending else _check(run, segment, staged)
        overridden = apply_guards(run, segment, *findings)
        record = Normalised(seconds=elapsed(), overridden=overridden, staged=staged, tables=tables, read=read)
        run.records(segment).write(record)
        _log_counts(staged)
        return record


def _stage(
    run: ExportRun, segment: Segment, path: str
) -> tuple[Staged, tuple[TableVersion, ...], tuple[TableRead, ...]]:
    segment_rows = run.rows(segment)
    unlisted = run.export.guards.allow_empty or run.ignore_guards
    with read_suppressed(run) as suppressed, segment_rows.read(may_be_unlisted=unlisted) as rows:
        staged = stage_members(
            _counted(rows.batches, partial(run.on_rows, segment)),
            segment_rows.reading,
            run.export.normalisation,
            run.workspace,
            path,
            suppressed=suppressed,
            erased=read_erased(run.workspace),
            rejects_path=_rejects_path(run, segment, segment_rows.reading),
            joined=rows.joined,
            log=rows.log,
        )
    return staged, tuple(map(version_of, segment_rows.tables)), describe_tables(segment_rows)


def _counted(batches: Iterable[pa.RecordBatch], on_rows: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """Pass on batches, and tell how many rows there were so far."""
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        yield batch
        on_rows(rows)


def _check(run: ExportRun, segment: Segment, staged: Staged) -> tuple[Finding | None, ...]:
    guards = run.export.guards
    return check_members(segment.audience, staged, guards), check_suppression(staged.lists, guards)


def _rejects_path(run: ExportRun, segment: Segment, reading: ReadSpec) -> str | None:
    """Path of the list of rejected rows; None if there is none, and then an earlier try's list is deleted."""
    path = f"{run.segment_folder(segment)}/rejects.parquet"
    if reading.key is None:
        run.workspace.delete(path)
        return None
    return path


def _log_counts(staged: Staged) -> None:
    reasons = ", ".join(
        f"{str(reason).replace('_', ' ')} {count:,}" for reason, count in staged.rejected.items()
    )
    rejected = staged.considered - staged.valid
    counts = [
        (staged.filtered, "left out by `where`"),
        (staged.without_consent, "without consent"),
        (rejected, f"rejected ({reasons})"),
        (staged.duplicates, "duplicates"),
        (staged.suppressed or 0, "members suppressed"),
        (staged.erased or 0, "members erased"),
    ]
    fewer = [f"{count:,} {words}" for count, words in counts if count]
    log.info(
        "%s",
        ", ".join(
            [f"{counted(staged.profiles, 'profile')} read", *fewer, counted(staged.members.count, "member")]
        ),
    )
    if staged.consent:
        log.warning("Nobody has consented. %s", staged.consent)
    if staged.log:
        log.info(
            "Change logs: %d rows superseded by newer ones, %d deleted",
            staged.log.superseded,
            staged.log.deleted,
        )
    if staged.joined:
        log.info(
            "%d memberships of %d customers, %d of these without a profile",
            staged.joined.rows,
            staged.joined.customers,
            staged.joined.without_profile,
        )
