"""Which tables become which segments of a run, and which of them can give their names to audiences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.export.values import check_audience_name, comparable
from customer_match.redaction import holds_address, printable, without_addresses

__all__ = ["segments_of", "shown_names", "taken_by_patterns", "unmatched"]

_REMEDY: Final = (
    "List such a table in `segments` with an `audience` of its own, rename it, or narrow the pattern."
)
_SHOWN: Final = 60


def segments_of(export: Export, tables: Iterable[str] = ()) -> list[Segment]:
    """The segments of a run, in the file's order; those of a pattern by name.

    A table named in the file is always among them, found or not, so that the lack of one does not stop
    the others; patterns take only tables that are not named.

    Args:
        export: The export.
        tables: Names of the tables found below the source's root; not needed without patterns.

    Returns:
        Also those of tables that a pattern takes and that cannot give their names to audiences, each with its
        fault: the others are exported.
    """
    segments = list(_select(export, tables))
    faults = _faults_of_names(segments, _named(export))
    shown = iter(shown_names(one.table for one, fault in zip(segments, faults, strict=True) if fault))
    return [
        one.model_copy(update={"fault": fault, **dict.fromkeys(("table", "audience"), next(shown))})
        if fault
        else one
        for one, fault in zip(segments, faults, strict=True)
    ]


def taken_by_patterns(export: Export, tables: Iterable[str]) -> set[str]:
    """Those of the tables that patterns take."""
    return {segment.table for segment in _select(export, tables)} - _named(export)


def unmatched(export: Export, tables: Iterable[str]) -> list[str]:
    """Names and patterns of the file that fit none of the tables; those with an own path are no names."""
    found = set(tables)
    return [
        selection.table
        for selection in export.segments
        if selection.path is None and not any(selection.takes(table) for table in found)
    ]


def _named(export: Export) -> set[str]:
    return {selection.table for selection in export.segments if not selection.is_pattern}


def _select(export: Export, tables: Iterable[str]) -> Iterator[Segment]:
    taken = _named(export) | set(export.tables_beside_segments)
    found = sorted(set(tables))
    for selection in export.segments:
        if not selection.is_pattern:
            audience = selection.audience or selection.table
            yield Segment(
                table=selection.table,
                audience=audience,
                path=selection.path,
                audience_id=selection.audience_id,
            )
            continue
        for table in found:
            if table not in taken and selection.takes(table):
                taken.add(table)
                yield Segment(table=table, audience=table)


# --- Names of tables as names of audiences -----------------------------------------------------------------


def shown_names(names: Iterable[str]) -> list[str]:
    """Names for people, logs and records: in one line, without addresses, and no two of them alike."""
    shown: dict[str, None] = {}
    seen = Counter[str]()
    for name in names:
        plain = own = without_addresses(printable(name))
        while own in shown:
            seen[plain] += 1
            own = f"{plain} #{seen[plain] + 1}"
        shown[own] = None
    return list(shown)


def _faults_of_names(segments: Sequence[Segment], named: set[str]) -> list[str | None]:
    """Why each segment cannot be exported, as sentences; None for those that can.

    Of segments that would share an audience those fail that a pattern takes: what the file names goes before what
    somebody puts into the lake.
    """
    same: dict[str, list[Segment]] = defaultdict(list)
    for segment in segments:
        same[comparable(segment.audience)].append(segment)
    return [
        None if segment.table in named else _fault_of_name(segment, same[comparable(segment.audience)])
        for segment in segments
    ]


def _fault_of_name(segment: Segment, same: Sequence[Segment]) -> str | None:
    own = _shorten(segment.table)
    if holds_address(segment.table):  # as the name of an audience it would reach the service as it is
        return f"The table {own!r} cannot give its name to an audience: it holds an e-mail address. {_REMEDY}"
    try:
        check_audience_name(segment.audience)
    except ValueError as error:
        return f"The table {own!r} cannot give its name to an audience: it is {_reword(error)}. {_REMEDY}"
    if len(same) == 1:
        return None
    both = " and ".join(repr(_shorten(one.table)) for one in same)
    return f"The tables {both} would share one audience (upper and lower case do not count). {_REMEDY}"


def _reword(error: ValueError) -> str:
    """The fault of a value of the file, said of a name that nobody has typed."""
    return str(error).split(". ", 1)[0].removeprefix("is ").replace("holds a", "one with a", 1)


def _shorten(name: str) -> str:
    [shown] = shown_names([name])
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
