"""Pools: how many uploads of one customer may be in flight.

Microsoft Advertising takes five to six uploads of a customer at a time (documented: Bulk guide). One pool per
customer limits the upload tasks to five; deferred ones count, because their upload is in flight as well.
Airflow lets tasks of a missing pool wait for ever with nothing but a line in the scheduler's log. So the pool
is made by `customer-match set-up`, and by the scheduler itself when a run of ours starts without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from customer_match.redaction import logger
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS

if TYPE_CHECKING:
    from sqlalchemy import CursorResult
    from sqlalchemy.orm import Session

__all__ = ["PREFIX", "ensure_pools", "pool_name"]

PREFIX = "microsoft_advertising_"

log = logger(__name__)


def pool_name(customer_id: str) -> str:
    """Name of a customer's pool."""
    return f"{PREFIX}{customer_id}"


def ensure_pools(names: Iterable[str], session: Session) -> list[str]:
    """Make the pools that are missing; those that exist stay as somebody has set them.

    Written at once and without a conflict: in the scheduler several runs may start in one transaction, and several
    schedulers at the same time; an error there would end the scheduler.

    Args:
        names: Names of pools; those that are not ours are left alone.
        session: Of the metadata database. The caller commits.

    Returns:
        The names of the pools that were made.
    """
    from airflow.models.pool import Pool  # noqa: PLC0415 (the metadata model: in the scheduler and set-up only)
    from sqlalchemy import select  # noqa: PLC0415

    wanted = {name for name in names if name.startswith(PREFIX)}
    existing = set(session.scalars(select(Pool.pool).where(Pool.pool.in_(wanted))))
    return [name for name in sorted(wanted - existing) if _made(name, session)]


def _made(name: str, session: Session) -> bool:
    """Insert a pool unless it is there; whether it was not."""
    from airflow.models.pool import Pool  # noqa: PLC0415 (as above)
    from sqlalchemy import insert  # noqa: PLC0415
    from sqlalchemy.dialects import postgresql, sqlite  # noqa: PLC0415

    values = {
        "pool": name,
        "slots": MAX_PARALLEL_UPLOADS,
        "description": "Uploads in flight for one customer of Microsoft Advertising",
        "include_deferred": True,
    }
    inserts = {
        "postgresql": postgresql.insert(Pool).values(values).on_conflict_do_nothing(),
        "sqlite": sqlite.insert(Pool).values(values).on_conflict_do_nothing(),
        "mysql": insert(Pool).values(values).prefix_with("IGNORE"),
    }
    session.flush()  # one that the session has in hand counts, too
    result = cast("CursorResult[Any]", session.execute(inserts[session.get_bind().dialect.name]))
    return result.rowcount == 1
