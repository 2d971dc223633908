"""Collects the lineage of a task while it runs: the process that sends it later has no connections any more.

Airflow's provider sends it from a fork of the task's process, after the task has ended, and it asks a new operator
after each wait in the triggerer. So the last part of a task collects all that is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.lake.filesystem import filesystem
from airflow_microsoft_advertising.lineage.segment_lineage import SegmentLineage
from airflow_microsoft_advertising.lineage.switch import is_on
from customer_match.profiles.tables_read import TableRead, tables_read
from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.upload import Upload
    from customer_match.export.sources import Source
    from customer_match.profiles.segment_rows import SegmentRows

__all__ = ["collect", "describe_tables"]

log = logger(__name__)


def describe_tables(rows: SegmentRows) -> tuple[TableRead, ...]:
    """Describe what is read of a segment's tables, if lineage is on. A fault of it fails no step."""
    if not is_on():
        return ()
    try:
        return tables_read(rows, [_account(source) for source in rows.sources])
    except Exception as error:  # noqa: BLE001 (lineage fails no run)
        log.warning("The segment has no lineage: %s: %s", type(error).__name__, error)
        return ()


def collect(uploads: Iterable[Upload]) -> tuple[SegmentLineage, ...]:
    """Collect the lineage of the segments that have been delivered, if lineage is on. A fault of it fails no task."""
    if not is_on():
        return ()
    try:
        found = [one.lineage() for one in uploads]
    except Exception as error:  # noqa: BLE001 (as above)
        log.warning("The task has no lineage: %s: %s", type(error).__name__, error)
        return ()
    return tuple(one for one in found if one)


def _account(source: Source) -> str | None:
    """The storage account, if the source's URL does not name its host."""
    location = source.location
    if not location.is_azure or location.host:
        return None
    opened, _ = filesystem(source.connection, source.root)
    account: str | None = getattr(opened, "account_name", None)
    return account
