"""What a page shows of an export at a glance: its last run, and each audience with its course over the last runs.

An overview is small and contains no personal data. The metadata database keeps the one of the last run, so that a page
of all exports needs no storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from customer_match.addresses.definition import Rejection
from customer_match.runs.report import Outcome
from customer_match.runs.states import RunKind, RunState

__all__ = ["OVERVIEW_COLUMNS", "OVERVIEW_RUNS", "AudienceOverview", "Overview", "overview_of"]

OVERVIEW_RUNS: Final = 30
"""How many runs an overview covers."""

_LAST: Final = ("segment", "audience", "audience_id", "outcome", "message", "guards", "awaits_decision")
_READ: Final = ("profiles", "valid", "source_modified")
_HELD: Final = ("members", "added", "removed")
_REASONS: Final = {str(reason): f"rejected_{reason}" for reason in Rejection}
_SIZES: Final = ("search_size", "network_size", "match_rate")

OVERVIEW_COLUMNS: Final = (
    "export", "run_id", "kind", "run_state", "dry_run", "interval_end", "started", "ended",
    *_LAST, *_READ, *_HELD, "sent", "refused", *_REASONS.values(), *_SIZES,
)  # fmt: skip
"""The columns of the history that an overview needs."""

Row = Mapping[str, Any]


class AudienceOverview(BaseModel):
    """One audience of an export. Unknown values are None.

    Attributes:
        segment: Name of its table.
        audience: Its name.
        audience_id: Its id at the service, from the last run that sent something.
        ran: When the last run began that worked on it.
        outcome: Its result.
        message: Why that run failed or skipped it, and what to do.
        guards: Keys of the guards that stopped it, with commas.
        awaits_decision: Whether somebody has to approve or refuse what guards have found in that run.
        read: When the last run began that read the table to its end. Rows and `source_modified` are from that run.
        profiles: Rows read.
        valid: Rows with a usable address.
        rejected: Rows without a usable address, by reason, without zeros.
        members: Distinct members that the last delivery brought to the audience, with the refused ones.
        added: Members that the last delivery added.
        removed: Members that it removed.
        source_modified: When the table was written.
        refused: Members that the service refused in the last run.
        size: Matched users at the service: in search; if that is unknown, in the audience network.
        match_rate: Matched users per member.
        members_course: Members after each run that worked on the audience, the oldest first; None where it was not
            delivered.
        match_course: Match rates likewise.
    """

    model_config = ConfigDict(frozen=True)

    segment: str | None = None
    audience: str
    audience_id: str | None = None
    ran: datetime | None = None
    outcome: Outcome | None = None
    message: str | None = None
    guards: str | None = None
    awaits_decision: bool | None = None
    read: datetime | None = None
    profiles: int | None = None
    valid: int | None = None
    rejected: dict[str, int] = {}
    members: int | None = None
    added: int | None = None
    removed: int | None = None
    source_modified: datetime | None = None
    refused: int | None = None
    size: int | None = None
    match_rate: float | None = None
    members_course: tuple[int | None, ...] = ()
    match_course: tuple[float | None, ...] = ()

    @property
    def checked(self) -> int | None:
        """Rows whose address was checked: those with a usable address and those without."""
        return None if self.valid is None else self.valid + sum(self.rejected.values())

    @property
    def valid_share(self) -> float | None:
        """Share of the checked rows that have a usable address."""
        return self.valid / self.checked if self.valid is not None and self.checked else None


class Overview(BaseModel):
    """An export at a glance; dry runs are left out.

    Attributes:
        export: Its name.
        run_id: Id of the last run.
        kind: What started it.
        state: How it ended.
        interval_end: End of its data interval.
        started: When it began.
        ended: When it was recorded.
        audiences: The audiences of the last runs, in the order of the last run; those that it lacks come last.
    """

    model_config = ConfigDict(frozen=True)

    export: str
    run_id: str
    kind: RunKind | None = None
    state: RunState
    interval_end: datetime
    started: datetime
    ended: datetime
    audiences: tuple[AudienceOverview, ...] = ()

    @classmethod
    def of_pieces(cls, head: Any, pieces: Iterable[Any]) -> Self:
        """Put together what `pieces` has returned.

        Raises:
            ValidationError: They are not pieces of one overview.
        """
        return cls.model_validate({**head, "audiences": [one for piece in pieces for one in piece]})

    def pieces(self, most: int) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
        """Divide the overview into JSON values: its head, and lists of so many audiences."""
        head = self.model_dump(mode="json", exclude={"audiences"}, exclude_defaults=True)
        audiences = [one.model_dump(mode="json", exclude_defaults=True) for one in self.audiences]
        return head, [audiences[start : start + most] for start in range(0, len(audiences), most)]


def overview_of(history: pa.Table) -> Overview | None:
    """Make the overview of an export; None if it had no run that was to send something.

    Args:
        history: The rows of the newest runs in the order in which they began, with `OVERVIEW_COLUMNS`.
    """
    rows = [row for row in history.to_pylist() if not row["dry_run"]]
    if not rows:
        return None
    last = rows[-1]
    by_audience: dict[str, list[Row]] = {}
    # In the order of the last run, then of the one before, and so on.
    for row in sorted(rows, key=lambda row: row["started"], reverse=True):
        if row["audience"] is not None:
            by_audience.setdefault(row["audience"], []).insert(0, row)
    return Overview(
        **{name: last[name] for name in ("export", "run_id", "kind", "interval_end", "started", "ended")},
        state=last["run_state"],
        audiences=tuple(_audience(name, found) for name, found in by_audience.items()),
    )


def _audience(name: str, rows: Sequence[Row]) -> AudienceOverview:
    """Make the overview of an audience from its rows, the oldest first."""
    last = rows[-1]
    read: Row = _last(rows, "valid") or {}
    held: Row = _last(rows, "sent") or {}
    sized: Row = _last(rows, "match_rate") or last
    known: Row = _last(rows, "audience_id") or {}
    return AudienceOverview.model_validate(
        {
            **{field: last[field] for field in _LAST},
            **{field: read.get(field) for field in _READ},
            **{field: held.get(field) for field in _HELD},
            "audience": name,
            "audience_id": known.get("audience_id"),
            "ran": last["started"],
            "read": read.get("started"),
            "rejected": {reason: read[column] for reason, column in _REASONS.items() if read.get(column)},
            "refused": last["refused"],
            "size": sized["network_size"] if sized["search_size"] is None else sized["search_size"],
            "match_rate": sized["match_rate"],
            "members_course": tuple(None if row["sent"] is None else row["members"] for row in rows),
            "match_course": tuple(row["match_rate"] for row in rows),
        }
    )


def _last(rows: Sequence[Row], field: str) -> Row | None:
    """The last row in which a field is known."""
    return next((row for row in reversed(rows) if row[field] is not None), None)
