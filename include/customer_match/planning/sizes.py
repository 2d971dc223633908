"""How large the service finds an audience, as far as it knows yet: of its members, those that it could match.

Sizes are told a day or two after a change (documented), so that a run reads what earlier runs have brought about.
These readings are for people: nothing in a run depends on them (`emptied.py` has what an upload makes of a size).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

__all__ = ["AudienceSize", "Matched", "Readiness", "Sizes", "readiness_of", "size_of_audience"]


class Readiness(StrEnum):
    """Whether the service shows advertisements to an audience."""

    READY = "ready"
    TOO_SMALL = "too small"
    NOT_KNOWN_YET = "not known yet"
    MISSING = "missing"

    @property
    def calls_for_a_look(self) -> bool:
        """Whether a person should know of it."""
        return self in {Readiness.TOO_SMALL, Readiness.MISSING}


class Matched(NamedTuple):
    """Matched users in search and in the audience network; None while the service does not know them."""

    search: int | None
    network: int | None


class AudienceSize(BaseModel):
    """What the service said of one audience.

    Attributes:
        audience: Its name.
        audience_id: Its id at the service.
        readiness: Whether it is served.
        search_size: Matched users in search.
        network_size: Matched users in the audience network.
        message: What a person should know; None where all is well.
    """

    model_config = ConfigDict(frozen=True)

    audience: str
    audience_id: str
    readiness: Readiness
    search_size: int | None = None
    network_size: int | None = None
    message: str | None = None


class Sizes(BaseModel):
    """One look at the sizes of an export's audiences, for those that an earlier run has delivered.

    Attributes:
        read_at: When, UTC.
        readings: One for each audience.
        note: Why nothing could be read; None normally.
    """

    model_config = ConfigDict(frozen=True)

    read_at: datetime
    readings: tuple[AudienceSize, ...] = ()
    note: str | None = None

    def of(self, audience: str) -> AudienceSize | None:
        """The reading of an audience."""
        return next((reading for reading in self.readings if reading.audience == audience), None)


def size_of_audience(
    audience: str,
    audience_id: str,
    matched: Matched | None,
    *,
    members: int,
    least: int,
    hours: int,
) -> AudienceSize:
    """Judge what the service says of an audience.

    Args:
        audience: Its name.
        audience_id: Its id.
        matched: Its sizes; None if there is no such audience any more.
        members: How many members it surely has, by the ledger.
        least: Matched users that serving needs.
        hours: How long sizes may stay unknown after a change.
    """
    readiness = readiness_of(matched, least)
    words = {
        Readiness.READY: None,
        Readiness.TOO_SMALL: f"serving needs {least} matched users{_doubt(matched, members, least)}",
        Readiness.NOT_KNOWN_YET: f"its sizes are not known yet: that takes up to {hours} hours after a change",
        Readiness.MISSING: "it was not there when the run began; the upload creates it anew",
    }
    return AudienceSize(
        audience=audience,
        audience_id=audience_id,
        readiness=readiness,
        search_size=matched.search if matched else None,
        network_size=matched.network if matched else None,
        message=words[readiness],
    )


def readiness_of(matched: Matched | None, least: int) -> Readiness:
    """Whether an audience of these sizes is served; None stands for one that is not there."""
    if matched is None:
        return Readiness.MISSING
    if any(size is not None and size < least for size in matched):
        return Readiness.TOO_SMALL
    return Readiness.NOT_KNOWN_YET if None in matched else Readiness.READY


def _doubt(matched: Matched | None, members: int, least: int) -> str:
    """Many members of whom nobody was matched: that is hardly bad luck."""
    sizes: Sequence[int | None] = matched or ()
    if members < least or any(sizes):
        return ""
    return (
        f", though {members:,} members were delivered. If it was emptied by hand, a full run sends them again"
    )
