"""Pools: how many uploads of one customer may be in flight.

Microsoft Advertising takes five to six uploads of a customer at a time (documented: Bulk guide). One pool per
customer limits the upload tasks to five; deferred ones count, because their upload is in flight as well.
Airflow lets tasks of a missing pool wait for ever with nothing but a line in the scheduler's log. So the pool
is made by `customer-match set-up`, and by the scheduler itself when a run of ours starts without it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from include.microsoft_advertising.limits import MAX_PARALLEL_UPLOADS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["PREFIX", "ensure_pools", "pool_name"]

PREFIX = "microsoft_advertising_"

log = logging.getLogger(__name__)


def pool_name(customer_id: str) -> str:
    """Name of a customer's pool."""
    return f"{PREFIX}{customer_id}"


def ensure_pools(names: Iterable[str], session: Session) -> list[str]:
    """Make the pools that are missing; those that exist stay as somebody has set them.

    Args:
        names: Names of pools; those that are not ours are left alone.
        session: Of the metadata database. The caller commits.

    Returns:
        The names of the pools that were made.
    """
    from airflow.models.pool import Pool  # noqa: PLC0415 (the metadata model: in the scheduler and set-up only)
    from sqlalchemy import select  # noqa: PLC0415

    wanted = sorted({name for name in names if name.startswith(PREFIX)})
    existing = set(session.scalars(select(Pool.pool).where(Pool.pool.in_(wanted))))
    made = [name for name in wanted if name not in existing]
    for name in made:
        session.add(
            Pool(
                pool=name,
                slots=MAX_PARALLEL_UPLOADS,
                description="Uploads in flight for one customer of Microsoft Advertising",
                include_deferred=True,
            )
        )
    return made
