"""Airflow pools that limit how many uploads of one customer are in progress at the same time.

Microsoft Advertising accepts five to six uploads of a customer at a time (documented: Bulk guide). One pool per
customer limits the uploads to five: a task for one segment takes one slot, a task for a batch of segments takes five.
Deferred tasks count, because their uploads are in progress too. If a pool is missing, Airflow lets its tasks wait
forever and only writes a line to the scheduler's log. So `customer-match set-up` creates the pools, and so does the
scheduler when a run starts without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from customer_match.redaction import logger
from microsoft_advertising.limits import MAX_PARALLEL_UPLOADS

if TYPE_CHECKING:
    from sqlalchemy import CursorResult
    from sqlalchemy.orm import Session

__all__ = ["BATCH_SLOTS", "PREFIX", "ensure_pools", "pool_name", "small_pools"]

PREFIX = "microsoft_advertising_"

BATCH_SLOTS: Final = MAX_PARALLEL_UPLOADS
"""Slots of a task that uploads a batch of segments: it may have so many uploads in progress."""

log = logger(__name__)


def pool_name(customer_id: str) -> str:
    """Return the name of a customer's pool."""
    return f"{PREFIX}{customer_id}"


def ensure_pools(names: Iterable[str], session: Session) -> list[str]:
    """Create the pools that are missing. Existing pools do not change.

    The inserts are executed at once and ignore conflicts: in a scheduler several runs may start in one transaction,
    and several schedulers may work at the same time. An error here would stop the scheduler.

    Args:
        names: Names of pools; pools of other packages are ignored.
        session: Session of the metadata database. The caller commits.

    Returns:
        The names of the created pools.
    """
    from airflow.models.pool import Pool  # noqa: PLC0415 (the metadata model: in the scheduler and set-up only)
    from sqlalchemy import select  # noqa: PLC0415

    wanted = {name for name in names if name.startswith(PREFIX)}
    existing = set(session.scalars(select(Pool.pool).where(Pool.pool.in_(wanted))))
    return [name for name in sorted(wanted - existing) if _insert(name, session)]


def small_pools(needs: Mapping[str, int], session: Session) -> dict[str, int]:
    """Find pools with fewer slots than a task needs. Airflow never starts such a task.

    Args:
        needs: The slots that a task needs, by the name of its pool; pools of other packages are ignored.
        session: Session of the metadata database.

    Returns:
        The slots of each pool that has too few. A pool without a limit (-1) has enough.
    """
    from airflow.models.pool import Pool  # noqa: PLC0415 (as above)
    from sqlalchemy import select  # noqa: PLC0415

    wanted = [name for name in needs if name.startswith(PREFIX)]
    found = session.execute(select(Pool.pool, Pool.slots).where(Pool.pool.in_(wanted)))
    return {name: slots for name, slots in found if name and 0 <= slots < needs[name]}


def _insert(name: str, session: Session) -> bool:
    """Insert a pool if it does not exist. Return whether it was inserted."""
    from airflow.models.pool import Pool  # noqa: PLC0415 (as above)
    from sqlalchemy import insert  # noqa: PLC0415
    from sqlalchemy.dialects import postgresql, sqlite  # noqa: PLC0415

    values = {
        "pool": name,
        "slots": MAX_PARALLEL_UPLOADS,
        "description": "Limits the parallel uploads of one Microsoft Advertising customer",
        "include_deferred": True,
    }
    inserts = {
        "postgresql": postgresql.insert(Pool).values(values).on_conflict_do_nothing(),
        "sqlite": sqlite.insert(Pool).values(values).on_conflict_do_nothing(),
        "mysql": insert(Pool).values(values).prefix_with("IGNORE"),
    }
    session.flush()  # a pool that the session has not yet written exists too
    result = cast("CursorResult[Any]", session.execute(inserts[session.get_bind().dialect.name]))
    return result.rowcount == 1
