"""Columns: those that the files of a table share, and finding the one that an export file means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

import pyarrow as pa

from include.errors import ConfigurationError

__all__ = ["Columns", "is_text", "merge_columns", "resolve_column"]

_NAMES_SHOWN = 30
_LENGTH_SHOWN = 40
_TEXT = (pa.string(), pa.large_string(), pa.string_view(), pa.null())
# A header that is missing makes the first row's values into names: these are not shown.
_LOOKS_LIKE_A_VALUE = re.compile(r"@|^[0-9a-fA-F]{32,}$|^[0-9 .,:+/-]*$")


class Columns(dict[str, pa.DataType]):
    """Names and types of a table's columns, in the order of its first file.

    Attributes:
        faults: Why a column cannot be used in spite of being there, by its name.
    """

    def __init__(self, types: Mapping[str, pa.DataType], faults: Mapping[str, str] | None = None) -> None:
        super().__init__(types)
        self.faults = dict(faults or {})


def merge_columns(files: Mapping[str, Mapping[str, pa.DataType]]) -> Columns:
    """The columns of all files together; what not every file has as text is noted as a fault.

    Args:
        files: Columns of each file, by where it lies.
    """
    types: dict[str, pa.DataType] = {}
    for columns in files.values():
        types |= {name: kind for name, kind in columns.items() if name not in types}
    faults: dict[str, str] = {}
    for name in types:
        for where, columns in files.items():
            if fault := _fault(name, columns, where):
                faults[name] = fault
                break
    return Columns(types, faults)


def _fault(name: str, columns: Mapping[str, pa.DataType], where: str) -> str | None:
    if name not in columns:
        return f"is missing in {where}, though other files of the table have it"
    if not is_text(columns[name]):
        return f"holds {columns[name]} in {where}, not text"
    return None


def is_text(kind: pa.DataType) -> bool:
    """Whether values of a type are text; a column without any value counts as such."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return kind in _TEXT


def resolve_column(columns: Mapping[str, pa.DataType], wanted: str) -> str:
    """The column that is meant, as the table spells it; another case or outer spaces do not matter.

    Args:
        columns: Of the table.
        wanted: The name in the export file.

    Raises:
        ConfigurationError: There is none, there are several, or it cannot be used; with what is there.
    """
    name = _find(columns, wanted)
    fault = getattr(columns, "faults", {}).get(name)
    if fault is None and not is_text(columns[name]):
        fault = f"holds {columns[name]}, not text"
    if fault:
        raise ConfigurationError(
            f"The column {name!r} {fault}. Name the column with the e-mail addresses as `email` in the export "
            "file, or let what writes the table write it as text into every file."
        )
    return name


def _find(columns: Mapping[str, pa.DataType], wanted: str) -> str:
    if wanted in columns:
        return wanted
    alike = [name for name in columns if _key(name) == _key(wanted)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise ConfigurationError(
            f"The column {wanted!r} could be {' or '.join(map(repr, alike))}. Write the one that is meant as "
            "`email` in the export file, in the same case."
        )
    shown = {_key(name): name for name in columns if _is_a_name(name)}
    near = get_close_matches(_key(wanted), shown, 1)
    hint = f" Did you mean {shown[near[0]]!r}?" if near else ""
    raise ConfigurationError(
        f"The table has no column {wanted!r}.{hint} It has: {_listed(columns)}. Correct `email` in the export file."
    )


def _key(name: str) -> str:
    return name.strip().casefold()


def _is_a_name(name: str) -> bool:
    return not _LOOKS_LIKE_A_VALUE.search(name)


def _listed(columns: Mapping[str, pa.DataType]) -> str:
    names = [name[:_LENGTH_SHOWN] if _is_a_name(name) else "[a value]" for name in columns]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return (", ".join(names[:_NAMES_SHOWN]) or "none") + more
