"""Two exports must not share an audience of one account: each would take out the other's members.

Told from export files alone, so that it is known before anything runs. What patterns take is known only where the
tables are; the ledger and the audience's mark tell it then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from customer_match.export.base import KeyPath
from customer_match.export.matching import taken_by_patterns
from customer_match.export.model import Export
from customer_match.export.segments import Selection
from customer_match.export.values import comparable

__all__ = ["Shared", "shared_audiences"]


@dataclass(frozen=True)
class Shared:
    """An audience that another export has too.

    Attributes:
        key: Where in the export file it is named.
        other: The other export.
        what: What they share, for people.
    """

    key: KeyPath
    other: str
    what: str

    def __str__(self) -> str:
        return (
            f"the export '{self.other}' of the same account has {self.what} too: each would replace the other's "
            "members. Give one of them another audience, or leave the segment out"
        )


def shared_audiences(export: Export, others: Sequence[Export]) -> list[Shared]:
    """What of an export's audiences others of the same account have too, one finding a segment.

    Args:
        export: The export.
        others: All that are known; the export itself counts for nothing.
    """
    rivals = [other for other in others if other.name != export.name and _may_meet(export, other)]
    found = []
    for index, selection in enumerate(export.segments):
        key: KeyPath = ("segments", index)
        shared = (
            Shared(key, rival.name, what) for rival in rivals for what in _both(export, selection, rival)
        )
        found += [one for one in [next(shared, None)] if one]
    return found


def _may_meet(one: Export, other: Export) -> bool:
    """Whether they write to the same account; another connection and workspace are another environment's."""
    return one.aid == other.aid and (one.connection == other.connection or one.workspace == other.workspace)


def _both(export: Export, selection: Selection, rival: Export) -> Iterator[str]:
    same_tables = export.source.root == rival.source.root and not (export.memberships or rival.memberships)
    for theirs in rival.segments:
        if selection.audience_id and selection.audience_id == theirs.audience_id:
            yield f"the audience {selection.audience_id}"
        elif not selection.is_pattern and not theirs.is_pattern:
            if comparable(_name(selection)) == comparable(_name(theirs)):
                yield f"the audience '{_name(selection)}'"
        elif same_tables and _by_pattern(export, selection, rival, theirs):
            yield f"the tables of '{theirs.table}'"


def _by_pattern(export: Export, selection: Selection, rival: Export, theirs: Selection) -> bool:
    """Whether one takes by a pattern what the other one names, or takes too: audiences are then called as tables."""
    if selection.is_pattern and theirs.is_pattern:
        return selection.table == theirs.table or "*" in {selection.table, theirs.table}
    named, taker = (theirs, export) if selection.is_pattern else (selection, rival)
    return _name(named) == named.table and named.table in taken_by_patterns(taker, [named.table])


def _name(selection: Selection) -> str:
    return selection.audience or selection.table
