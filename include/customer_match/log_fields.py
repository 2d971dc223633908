"""Fields of log records beside their text: Airflow's JSON logs have them as keys, so that logs can be queried.

Airflow itself adds `dag_id`, `task_id`, `run_id`, `try_number` and `map_index`. Ours are names and ids only. All
records that are made in a block have its fields, also those of libraries. A thread that is started in it has none,
unless it runs in a copy of the context (`contextvars.copy_context`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars

from customer_match.redaction import without_addresses

__all__ = ["log_fields"]


@contextmanager
def log_fields(
    *,
    export: str | None = None,
    segment: str | None = None,
    request_id: str | None = None,
    tracking_id: str | None = None,
) -> Iterator[None]:
    """Add fields to all records of a block, without addresses; an empty value adds none.

    Args:
        export: Name of the export.
        segment: What distinguishes the segment from the export's others: the name of its table.
        request_id: The service's id of an upload.
        tracking_id: The service's id of a call, by which Microsoft's support finds it.
    """
    fields = {
        "export": export,
        "segment": segment,
        "request_id": request_id,
        "tracking_id": tracking_id,
    }
    with bound_contextvars(**{name: without_addresses(value) for name, value in fields.items() if value}):
        yield
