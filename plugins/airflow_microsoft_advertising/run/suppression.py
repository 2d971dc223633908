"""Opens and reads the suppression lists of an export: members that no audience may have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from customer_match.errors import ConfigurationError
from customer_match.profiles.reading import ReadSpec, suppression_read_spec_of
from customer_match.profiles.suppression import Suppressed
from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun
    from customer_match.export.people import Suppression
    from customer_match.tables.table import Table

__all__ = ["open_suppression", "read_suppressed"]

log = logger(__name__)


def open_suppression(run: ExportRun, wanted: Suppression) -> tuple[Table, ReadSpec]:
    """Open a suppression list.

    Returns:
        The table, and the columns to read.

    Raises:
        ConfigurationError: It cannot be opened. Then no segment is exported.
    """
    export = run.export
    source = (wanted.source or export.source).with_changes(wanted.changes)
    try:
        # Always today's list, regardless of the run's data interval.
        table = run.today(source).open(wanted.name, wanted.path, "`suppress`")
        return table, suppression_read_spec_of(wanted.email or export.email, table.columns())
    except ConfigurationError as error:
        key = "suppress" if error.key in ("", "source") else error.key
        raise ConfigurationError(f"Suppression list {wanted.name!r}: {error}", key=key) from None


@contextmanager
def read_suppressed(run: ExportRun) -> Iterator[Suppressed | None]:
    """Read the members that no audience may have; None if the export names no lists."""
    export = run.export
    if not export.suppress:
        yield None
        return
    with Suppressed(export.normalisation) as suppressed:
        for wanted in export.suppress:
            table, reading = open_suppression(run, wanted)
            batches = table.batches(reading.columns)
            found = suppressed.read(batches, reading, wanted.name, allow_empty=wanted.allow_empty)
            log.info(
                "Suppression list %r: %d rows, %d unusable %s",
                wanted.name,
                found.rows,
                found.unusable,
                {str(reason): count for reason, count in found.rejected.items()},
            )
        yield suppressed
