"""The tables that are found below a folder, by their names."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

from customer_match.redaction import printable
from customer_match.tables.formats import FoundTable
from customer_match.tables.inside import is_unicode

__all__ = ["Tables", "by_name"]


class Tables(dict[str, str]):
    """Where each table lies, by its name: letters and their accents in one piece, in order of names.

    Attributes:
        faults: Why a table cannot be read for what it is called, by its name; the others are none the worse.
    """

    def __init__(self, paths: Mapping[str, str], faults: Mapping[str, str] | None = None) -> None:
        super().__init__(paths)
        self.faults = dict(faults or {})


def by_name(found: Iterable[FoundTable], root: str, where: str) -> Tables:
    """Tables by their names.

    Args:
        found: They, in any order.
        root: The folder below which they were found.
        where: The folder, for people.
    """
    paths: dict[str, set[str]] = defaultdict(set)
    faults: dict[str, str] = {}
    for table in found:
        name = unicodedata.normalize("NFC", table.name)  # as people type it; macOS writes accents apart
        if not is_unicode(name):
            name = printable(name)
            faults[name] = f"{where} has a table whose name is not UTF-8: '{name}'. Rename it."
        paths[name].add(table.path)
    for name, several in paths.items():
        if len(several) > 1:
            alike = " and ".join(sorted(path.removeprefix(f"{root}/") for path in several))
            faults[name] = (
                f"In {where} the table {name!r} could be {printable(alike)}. Move one of them away, or set `format` "
                "of the source in the export file."
            )
    return Tables({name: min(several) for name, several in sorted(paths.items())}, faults)
