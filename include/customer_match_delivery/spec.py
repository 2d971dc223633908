"""The audience that an export wants for a segment.

Pure. The only place for what an export says about its audiences. Airflow's tasks get it as two JSON objects: one for
all segments of the export, which the DAG file knows, and one per segment, which its tasks pass on.
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
    """The audience that the export asks for.

    Attributes:
        name: Its name.
        mark: The export's mark: `[customer-match:` and its name.
        segment: Identifies the segment within the export, independent of its audience's name: the table's name.
        segments: The same for all segments that the export file names.
        audience_id: Id of the audience to use; it keeps its present name. None: find or create it.
        scope: Who can use the audience.
        scope_stated: Whether the export file sets the scope. Only then is the scope of an existing audience changed,
            because that cannot be undone.
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
        """The specification of a segment's audience."""
        return cls.from_values(export_values(export), segment_values(export, segment))

    @classmethod
    def from_values(cls, export: Mapping[str, Any], segment: Mapping[str, Any]) -> Self:
        """Build a specification from JSON objects.

        Args:
            export: From `export_values`. Only `mark` is required.
            segment: From `segment_values`. Only `audience` is required; other keys are ignored.
        """
        return cls(
            **{**export, "segments": tuple(export.get("segments", ()))},
            name=segment["audience"],
            segment=segment.get("segment"),
            audience_id=segment.get("audience_id") or None,
        )

    @property
    def own_mark(self) -> Mark:
        """The mark of this segment."""
        export = Mark.of(self.mark).export
        return Mark(export, None if self.segment is None else segment_key(export, self.segment))

    @property
    def siblings(self) -> frozenset[str]:
        """Keys of the export's other segments that its file names."""
        export = self.own_mark.export
        return frozenset(segment_key(export, other) for other in self.segments if other != self.segment)

    @property
    def key(self) -> str:
        """The segment's key; without a table's name it is made from the audience's name."""
        return self.own_mark.key or segment_key(self.own_mark.export, self.name)


def export_values(export: Export) -> dict[str, Any]:
    """What an export says about all of its audiences, as JSON."""
    return {
        "mark": str(Mark(export.name)),
        "segments": list(export.identities),
        "scope": export.scope,
        "scope_stated": export.scope_is_stated,
        "membership_duration": export.membership_duration,
        "adopt": export.adopt,
    }


def segment_values(export: Export, segment: Segment) -> dict[str, str]:
    """What identifies the audience of one segment, as JSON: `audience` (its name), `audience_id`, `segment`.

    All values are strings because each is passed as an XCom; a missing id is an empty string.
    """
    return {
        "audience": segment.audience,
        "audience_id": segment.audience_id or "",
        "segment": export.identity(segment),
    }
