"""Stores the overview of an export in Airflow's metadata database, beside the asset of its audiences.

Airflow's pages read it there: they need no access to the workspace, and no file of it is opened. The state store of
assets (Airflow 3.3) keeps one value per key, so each run replaces the overview of the run before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from customer_match.history.overview import OVERVIEW_COLUMNS, OVERVIEW_RUNS, Overview, overview_of
from customer_match.history.table import History
from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun

__all__ = ["HEAD_KEY", "join_overview", "piece_key", "store_overview"]

log = logger(__name__)

HEAD_KEY: Final = "customer_match_overview"
"""Key of the head of an overview in the state store; its audiences are stored below `piece_key`."""

_AUDIENCES_EACH: Final = 50
"""Audiences in one value: Airflow logs a warning about values of more than 64 KB."""


class Store(Protocol):
    """The part of Airflow's state store of an asset that is needed."""

    def set(self, key: str, value: Any) -> None:
        """Write a JSON value, or replace it."""


def piece_key(place: int) -> str:
    """Key of a list of audiences, counted from 0."""
    return f"{HEAD_KEY}_{place}"


def store_overview(run: ExportRun, store: Store) -> None:
    """Store the overview of the run's export. A fault is logged: the audiences are delivered."""
    try:
        history = History(run.workspace, run.export.name).read(runs=OVERVIEW_RUNS, columns=OVERVIEW_COLUMNS)
        if overview := overview_of(history):
            _write(overview, store)
    except Exception as error:  # noqa: BLE001 (as above; the workspace or Airflow may raise anything)
        log.warning("The overview for Airflow's pages was not stored: %s: %s", type(error).__name__, error)


def _write(overview: Overview, store: Store) -> None:
    head, pieces = overview.pieces(_AUDIENCES_EACH)
    for place, audiences in enumerate(pieces):
        store.set(piece_key(place), {"run_id": overview.run_id, "audiences": audiences})
    store.set(HEAD_KEY, {"pieces": len(pieces), "overview": head})


def join_overview(values: Mapping[str, Any]) -> Overview | None:
    """Put together what `store_overview` has stored; None without an overview.

    Pieces that another run has replaced in the meantime are left out.

    Args:
        values: JSON values by key; others are ignored.

    Raises:
        ValidationError: The values are not an overview, or one of another release.
    """
    if HEAD_KEY not in values:
        return None
    stored = values[HEAD_KEY]
    pieces = [values.get(piece_key(place), {}) for place in range(stored["pieces"])]
    head = stored["overview"]
    return Overview.of_pieces(
        head, [one["audiences"] for one in pieces if one.get("run_id") == head["run_id"]]
    )
