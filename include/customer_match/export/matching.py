"""Which tables become which segments of a run, and which table names are valid names of audiences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.export.values import check_audience_name, comparable
from customer_match.redaction import holds_address, printable, without_addresses

__all__ = ["segments_of", "shown_names", "taken_by_patterns", "unmatched"]

_REMEDY: Final = "List the table in `segments` with its own `audience`, rename it, or narrow the pattern."
_SHOWN: Final = 60


def segments_of(export: Export, tables: Iterable[str] = ()) -> list[Segment]:
    """The segments of a run, in the order of the file; those of a pattern in the order of their names.

    A table named in the file is always included, found or not, so that a missing table does not stop the others.
    Patterns take only tables that are not named.

    Args:
        export: The export.
        tables: Names of the tables found below the source's root; not needed without patterns.

    Returns:
        All segments. Those whose table was taken by a pattern but whose name is no valid audience name have a fault;
        the others are exported.
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
    """The tables that patterns take."""
    return {segment.table for segment in _select(export, tables)} - _named(export)


def unmatched(export: Export, tables: Iterable[str]) -> list[str]:
    """Names and patterns of the file that match none of the tables; items with their own path are left out."""
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
    """Names for messages, logs and records: on one line, without addresses, and all different."""
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

    If segments would share an audience, those taken by a pattern fail: what the file names takes precedence over what
    appears in the lake.
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
    if holds_address(segment.table):  # as the name of an audience, the service would receive it in plain text
        return f"The table {own!r} cannot name an audience: its name contains an e-mail address. {_REMEDY}"
    try:
        check_audience_name(segment.audience)
    except ValueError as error:
        return f"The table {own!r} cannot name an audience: its name {_first_sentence(error)}. {_REMEDY}"
    if len(same) == 1:
        return None
    both = " and ".join(repr(_shorten(one.table)) for one in same)
    return f"The tables {both} would share one audience (case does not matter). {_REMEDY}"


def _first_sentence(error: ValueError) -> str:
    """What is wrong, without the remedy, which is meant for names in the file."""
    return str(error).split(". ", 1)[0]


def _shorten(name: str) -> str:
    [shown] = shown_names([name])
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
