"""Estimates how much data each segment of a run reads, from listings: no table is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from customer_match.errors import CustomerMatchError
from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.segments import Segment

__all__ = ["table_sizes"]

log = logger(__name__)


def table_sizes(run: ExportRun, segments: Sequence[Segment]) -> dict[str, int]:
    """Return the number of bytes that each segment reads, by audience.

    Segments that are joined to a table of profiles, or that are listed in one table, read these tables as a whole.
    If a table is missing or the lake cannot be reached, sizes are not known: the step `validate` reports what is wrong.
    """
    try:
        shared = sum(file.size_bytes for table in run.shared_tables() for file in table.files)
        own = {} if run.export.memberships else run.source.sizes((one.table, one.path) for one in segments)
    except CustomerMatchError as error:
        log.info("The sizes of the tables are not known: %s", error)
        return {}
    return {one.audience: shared + own.get((one.table, one.path), 0) for one in segments}
