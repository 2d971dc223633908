"""The audience that an export wants for a segment.

Pure. What an export says of its audiences stands here alone. Airflow's tasks get it as two JSON objects: one for all
segments of the export, which the DAG file knows, and one for each segment, which its tasks hand on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from customer_match.export.segments import segment_key
from customer_match_delivery.marks import Mark
from microsoft_advertising.limits import NEVER_EXPIRES

if TYPE_CHECKING:
    from customer_match.export.model import Export
    from customer_match.export.segments import Segment
    from microsoft_advertising.models import Scope

__all__ = ["AudienceSpec", "export_values", "segment_values"]


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

    @classmethod
    def of(cls, export: Export, segment: Segment) -> Self:
        """The audience of a segment."""
        return cls.from_values(export_values(export), segment_values(export, segment))

    @classmethod
    def from_values(cls, export: Mapping[str, Any], segment: Mapping[str, Any]) -> Self:
        """From JSON.

        Args:
            export: As `export_values` makes it. Only `mark` must be there.
            segment: As `segment_values` makes it. Only `audience` must be there; other keys may be.
        """
        return cls(
            **{**export, "segments": tuple(export.get("segments", ()))},
            name=segment["audience"],
            segment=segment.get("segment"),
            audience_id=segment.get("audience_id") or None,
        )

    @property
    def own_mark(self) -> Mark:
        """The mark of this very segment."""
        export = Mark.of(self.mark).export
        return Mark(export, None if self.segment is None else segment_key(export, self.segment))

    @property
    def siblings(self) -> frozenset[str]:
        """Keys of the export's other segments, as far as its file names them."""
        export = self.own_mark.export
        return frozenset(segment_key(export, other) for other in self.segments if other != self.segment)

    @property
    def key(self) -> str:
        """The segment's key; where nothing else tells it apart, the audience's name does."""
        return self.own_mark.key or segment_key(self.own_mark.export, self.name)


def export_values(export: Export) -> dict[str, Any]:
    """What an export says of all of its audiences, as JSON."""
    return {
        "mark": str(Mark(export.name)),
        "segments": list(export.identities),
        "scope": export.scope,
        "scope_stated": export.scope_is_stated,
        "membership_duration": export.membership_duration,
        "adopt": export.adopt,
    }


def segment_values(export: Export, segment: Segment) -> dict[str, str]:
    """What tells the audience of one segment from the others, as JSON: `audience` (its name), `audience_id`, `segment`.

    Texts alone, because they travel in XComs, one each: an id that is not given is empty.
    """
    return {
        "audience": segment.audience,
        "audience_id": segment.audience_id or "",
        "segment": export.identity(segment),
    }
