"""Which of the tables that patterns take can give their names to audiences; the others fail, each by itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from customer_match.export.values import check_audience_name, comparable
from customer_match.redaction import holds_address, printable, without_addresses

__all__ = ["Naming", "faults_of", "shown_names"]

_REMEDY: Final = (
    "List such a table in `segments` with an `audience` of its own, rename it, or narrow the pattern."
)
_SHOWN: Final = 60


@dataclass(frozen=True)
class Naming:
    """A segment's names.

    Attributes:
        table: The table's.
        audience: The audience's.
        by_pattern: Whether a pattern takes the table; else the export file names it.
    """

    table: str
    audience: str
    by_pattern: bool


def faults_of(namings: Sequence[Naming]) -> list[str | None]:
    """Why each segment cannot be exported, as sentences; None for those that can.

    Of segments that would share an audience those fail that a pattern takes: what the file names goes before what
    somebody puts into the lake.
    """
    same: dict[str, list[Naming]] = defaultdict(list)
    for naming in namings:
        same[comparable(naming.audience)].append(naming)
    return [
        _fault_of(naming, same[comparable(naming.audience)]) if naming.by_pattern else None
        for naming in namings
    ]


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


def _fault_of(naming: Naming, same: Sequence[Naming]) -> str | None:
    own = _short(naming.table)
    if holds_address(naming.table):  # as the name of an audience it would reach the service as it is
        return f"The table {own!r} cannot give its name to an audience: it holds an e-mail address. {_REMEDY}"
    try:
        check_audience_name(naming.audience)
    except ValueError as error:
        return f"The table {own!r} cannot give its name to an audience: it is {_told(error)}. {_REMEDY}"
    others = [other for other in same if other is not naming]
    if not others:
        return None
    both = " and ".join(repr(_short(one.table)) for one in same)
    return f"The tables {both} would share one audience (upper and lower case do not count). {_REMEDY}"


def _told(error: ValueError) -> str:
    """The fault of a value of the file, for what nobody has typed."""
    return str(error).split(". ", 1)[0].removeprefix("is ").replace("holds a", "one with a", 1)


def _short(name: str) -> str:
    [shown] = shown_names([name])
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
