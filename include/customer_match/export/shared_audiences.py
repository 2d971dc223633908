"""Two exports must not share an audience of one account: each would remove the other's members.

This check needs only the export files, so it works before anything runs. Which tables a pattern takes is known only
when the tables are listed; then the ledger and the audience's mark detect a shared audience.
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
    """An audience that another export also writes to.

    Attributes:
        key: Its path in the export file.
        other: The other export.
        what: What they share, as text for messages.
    """

    key: KeyPath
    other: str
    what: str

    def __str__(self) -> str:
        return (
            f"the export '{self.other}' of the same account also writes to {self.what}: each would replace the "
            "other's members. Give one of them another audience, or remove the segment"
        )


def shared_audiences(export: Export, others: Sequence[Export]) -> list[Shared]:
    """The audiences of an export that others of the same account also write to, one finding per segment.

    Args:
        export: The export.
        others: All known exports; the export itself is ignored.
    """
    neighbours = [other for other in others if other.name != export.name and _may_share(export, other)]
    found = []
    for index, selection in enumerate(export.segments):
        key: KeyPath = ("segments", index)
        shared = (
            Shared(key, rival.name, what)
            for rival in neighbours
            for what in _shared_by(export, selection, rival)
        )
        found += [one for one in [next(shared, None)] if one]
    return found


def _may_share(one: Export, other: Export) -> bool:
    """Whether they write to the same account; with another connection and workspace, it is another environment."""
    return one.aid == other.aid and (one.connection == other.connection or one.workspace == other.workspace)


def _shared_by(export: Export, selection: Selection, rival: Export) -> Iterator[str]:
    same_tables = export.source.root == rival.source.root and not (export.memberships or rival.memberships)
    for theirs in rival.segments:
        if selection.audience_id and selection.audience_id == theirs.audience_id:
            yield f"the audience {selection.audience_id}"
        elif not selection.is_pattern and not theirs.is_pattern:
            if comparable(_name(selection)) == comparable(_name(theirs)):
                yield f"the audience '{_name(selection)}'"
        elif same_tables and _share_by_pattern(export, selection, rival, theirs):
            yield _taken(theirs)


def _taken(selection: Selection) -> str:
    if selection.table == "*":
        return "the audiences of all tables of this folder"
    tables = "all tables like " if selection.is_pattern else "the table "
    return f"the audiences of {tables}'{selection.table}'"


def _share_by_pattern(export: Export, selection: Selection, rival: Export, theirs: Selection) -> bool:
    """Whether a pattern of one takes a table of the other: such audiences have the names of their tables."""
    if selection.is_pattern and theirs.is_pattern:
        return selection.table == theirs.table or "*" in {selection.table, theirs.table}
    named, taker = (theirs, export) if selection.is_pattern else (selection, rival)
    return _name(named) == named.table and named.table in taken_by_patterns(taker, [named.table])


def _name(selection: Selection) -> str:
    return selection.audience or selection.table
