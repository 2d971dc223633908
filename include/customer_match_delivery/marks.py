"""How an audience shows whose it is: a mark in its description, as in `[customer-match:autumn/gold-1a2b3c4d5e6f]`.

Pure. The mark names the export and the segment's table, so that a list is known again whatever it is called.
Marks from before the table stood in them (`[customer-match:autumn]`) count as the export's. Behind the mark stands
the audience's generation (`include/customer_match/ledger/generation.py`), in brackets of its own: versions that do not
know it read the mark all the same, and keep it as people's words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from customer_match.export.segments import segment_key
from microsoft_advertising.limits import MAX_DESCRIPTION, NEVER_EXPIRES
from microsoft_advertising.models import Audience, Scope

__all__ = ["AudienceSpec", "Mark", "Standing", "described", "generation_in", "mark_in", "standing"]

_MARK: Final = re.compile(r"\[customer-match:([A-Za-z0-9_.-]+)(?:/([a-z0-9-]+))?\]")
_GENERATION: Final = re.compile(r"\[customer-match-generation:([0-9a-f]{8}-[0-9a-f]{12})\]")
_SENTENCE: Final = "Kept by an Airflow export; changes by hand are overwritten."


@dataclass(frozen=True)
class Mark:
    """Whose an audience is.

    Attributes:
        export: Name of the export.
        key: Key of the segment; None in old marks.
    """

    export: str
    key: str | None = None

    def __str__(self) -> str:
        return f"[customer-match:{self.key or self.export}]"


@dataclass(frozen=True)
class AudienceSpec:
    """The audience as the export wants it.

    Attributes:
        name: Its name.
        mark: The export's mark: `[customer-match:` and its name.
        segment: Tells the segment from the export's others, whatever its audience is called: its table's name.
        segments: The same of all segments that the export's file names.
        audience_id: The list to write to, and no other; it keeps the name that it has.
        scope: Who shares it.
        scope_stated: Whether the export file says so: only then is an existing list's scope changed, because
            that cannot be undone.
        membership_duration: Days; -1 never expires.
        adopt: Whether an audience that is not ours may be taken over and replaced.
    """

    name: str
    mark: str
    segment: str | None = None
    segments: tuple[str, ...] = ()
    audience_id: str | None = None
    scope: Scope = "Customer"
    scope_stated: bool = False
    membership_duration: int = NEVER_EXPIRES
    adopt: bool = False

    @property
    def own_mark(self) -> Mark:
        """The mark of this very segment."""
        export = _MARK.fullmatch(self.mark)
        if export is None:
            raise ValueError(f"{self.mark!r} is no mark: it must look like [customer-match:name]")
        return Mark(export[1], None if self.segment is None else segment_key(export[1], self.segment))

    @property
    def siblings(self) -> frozenset[str]:
        """Keys of the export's other segments, as far as its file names them."""
        export = self.own_mark.export
        return frozenset(segment_key(export, other) for other in self.segments if other != self.segment)

    @property
    def key(self) -> str:
        """The segment's key; where nothing else tells it apart, the audience's name does."""
        return self.own_mark.key or segment_key(self.own_mark.export, self.name)


class Standing(StrEnum):
    """What an audience is to a segment."""

    OWN = "own"
    """Kept for this segment."""
    OURS = "ours"
    """Kept by the export: since before marks named segments, or for a segment that is no more."""
    SIBLING = "sibling"
    """Kept for another segment of the export."""
    FOREIGN = "foreign"
    """Anybody else's."""


def mark_in(description: str) -> Mark | None:
    """The mark in a description; the first one if somebody has put in several."""
    found = _MARK.search(description)
    if found is None:
        return None
    return Mark(found[1], f"{found[1]}/{found[2]}" if found[2] else None)


def generation_in(description: str) -> str | None:
    """The token of the generation that a description tells; None if it tells none."""
    found = _GENERATION.search(description)
    return found[1] if found else None


def standing(audience: Audience, spec: AudienceSpec) -> Standing:
    """What an audience is to the segment that wants one."""
    mark, own = mark_in(audience.description), spec.own_mark
    if mark is None or mark.export != own.export:
        return Standing.FOREIGN
    if mark.key in spec.siblings:
        return Standing.SIBLING
    return Standing.OWN if mark == own else Standing.OURS


def described(description: str, mark: Mark, generation: str | None = None) -> str:
    """A description with our sentence and mark at its end, and what people wrote before it, as far as it fits.

    Lengths are counted as .NET does (assumed), in UTF-16 units.

    Args:
        description: What is there.
        mark: Whose the audience is.
        generation: The token of its new generation; None: the one that is there stays.
    """
    token = generation or generation_in(description)
    tail = f"{_SENTENCE} {mark}" + (f" [customer-match-generation:{token}]" if token else "")
    others = _GENERATION.sub("", _MARK.sub("", description)).replace(_SENTENCE, "")
    words = " ".join(others.split())
    room = (MAX_DESCRIPTION - len(tail) - 1) * 2
    kept = words.encode("utf-16-le", "surrogatepass")[:room].decode("utf-16-le", "ignore").rstrip()
    return f"{kept} {tail}" if kept else tail
