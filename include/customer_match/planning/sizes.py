"""Sizes of audiences at the service: how many members it could match with its users.

The service updates sizes one or two days after a change (documented), so a run reads the effect of earlier runs. These
sizes are for users only; nothing in a run depends on them (`emptied.py` decides what an upload concludes from a size).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

__all__ = ["AudienceSize", "Matched", "Readiness", "Sizes", "readiness_of", "size_of_audience"]


class Readiness(StrEnum):
    """Whether the service serves advertisements to an audience."""

    READY = "ready"
    TOO_SMALL = "too small"
    NOT_KNOWN_YET = "not known yet"
    MISSING = "missing"

    @property
    def needs_attention(self) -> bool:
        """Whether a user should check the audience."""
        return self in {Readiness.TOO_SMALL, Readiness.MISSING}


class Matched(NamedTuple):
    """Numbers of matched users in search and in the audience network; None if the service does not know them yet."""

    search: int | None
    network: int | None


class AudienceSize(BaseModel):
    """The size of one audience at the service.

    Attributes:
        audience: Its name.
        audience_id: Its id at the service.
        readiness: Whether advertisements are served to it.
        search_size: Number of matched users in search.
        network_size: Number of matched users in the audience network.
        members: Number of members that the audience certainly had, by the ledger, when its size was read; None in old
            records that did not include it.
        bids_can_be_raised: Whether it is large enough for bids to be raised.
        message: A message for users; None if the audience is ready.
    """

    model_config = ConfigDict(frozen=True)

    audience: str
    audience_id: str
    readiness: Readiness
    search_size: int | None = None
    network_size: int | None = None
    members: int | None = None
    bids_can_be_raised: bool = False
    message: str | None = None

    @property
    def size(self) -> int | None:
        """Number of matched users: in search; if that is unknown, in the audience network."""
        return self.network_size if self.search_size is None else self.search_size

    @property
    def match_rate(self) -> float | None:
        """Matched users per member; None if unknown. An address can belong to several users, so it can exceed 1."""
        return None if self.size is None or not self.members else self.size / self.members


class Sizes(BaseModel):
    """The sizes of an export's audiences, for those that an earlier run has delivered.

    Attributes:
        read_at: When they were read, UTC.
        readings: One size for each audience.
        note: Why the sizes could not be read; None normally.
    """

    model_config = ConfigDict(frozen=True)

    read_at: datetime
    readings: tuple[AudienceSize, ...] = ()
    note: str | None = None

    def of(self, audience: str) -> AudienceSize | None:
        """The size of an audience; None if it was not read."""
        return next((reading for reading in self.readings if reading.audience == audience), None)


def size_of_audience(
    audience: str,
    audience_id: str,
    matched: Matched | None,
    *,
    members: int,
    least: int,
    least_for_bids: int,
    hours: int,
) -> AudienceSize:
    """Interpret the size that the service reports for an audience.

    Args:
        audience: Its name.
        audience_id: Its id.
        matched: Its numbers of matched users; None if the audience no longer exists.
        members: Number of members that it certainly has, by the ledger.
        least: Number of matched users that serving needs.
        least_for_bids: Number of matched users from which on bids can be raised.
        hours: How long sizes may stay unknown after a change.
    """
    readiness = readiness_of(matched, least)
    words = {
        Readiness.READY: None,
        Readiness.TOO_SMALL: f"serving needs {least} matched users{_hint_if_emptied(matched, members, least)}",
        Readiness.NOT_KNOWN_YET: f"its sizes are not known yet; this takes up to {hours} hours after a change",
        Readiness.MISSING: "it did not exist when the run started; the upload creates it again",
    }
    return AudienceSize(
        audience=audience,
        audience_id=audience_id,
        readiness=readiness,
        search_size=matched.search if matched else None,
        network_size=matched.network if matched else None,
        members=members,
        bids_can_be_raised=matched is not None and (matched.search or 0) >= least_for_bids,
        message=words[readiness],
    )


def readiness_of(matched: Matched | None, least: int) -> Readiness:
    """Whether advertisements are served to an audience of these sizes; None means that it does not exist."""
    if matched is None:
        return Readiness.MISSING
    if any(size is not None and size < least for size in matched):
        return Readiness.TOO_SMALL
    return Readiness.NOT_KNOWN_YET if None in matched else Readiness.READY


def _hint_if_emptied(matched: Matched | None, members: int, least: int) -> str:
    """A hint if many members were delivered and none was matched, which is unlikely to be chance."""
    sizes: Sequence[int | None] = matched or ()
    if members < least or any(sizes):
        return ""
    return f", although {members:,} members were delivered. If it was emptied by hand, a full run sends them again"
