"""The text of a new export file: its keys with comments, in the order in which people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["new_text"]

_HEADER: Final = """\
# All keys: docs/export-file.md. Check this file, its tables and its account:
#   customer-match validate {name} --tables --connection
"""
_COMMENTS: Final[Mapping[str, str]] = {
    "connection": "Airflow connection to Microsoft Advertising (`customer-match login` makes it)",
    "cid": "customer and account id, from the address bar of Microsoft Advertising",
    "schedule": "in UTC; another time zone: `timezone: Europe/Berlin`",
    "segments": "each table becomes an audience of its name; another one: {table: …, audience: …}",
    "consent": "only profiles with one of these values are exported",
    "workspace": "ledgers and reports: every worker needs this folder, and it must be kept",
}
_ORDER: Final = (
    "title",
    "description",
    "connection",
    "cid",
    "aid",
    "schedule",
    "timezone",
    "paused_at_creation",
    "source",
    "segments",
    "email",
    "consent",
    "guards",
    "workspace",
)


def new_text(name: str, values: Mapping[str, object]) -> str:
    """Write a new export file.

    Args:
        name: The name of the export, and of its file.
        values: The values of the keys; None: the file does not have the key. Ids may be text.
    """
    import yaml  # noqa: PLC0415 - keeps --help of the command quick

    comments = {key: text for key, text in _COMMENTS.items() if key != "schedule" or "timezone" not in values}
    lines = [_HEADER.format(name=name)]
    for key in (*_ORDER, *(key for key in values if key not in _ORDER)):
        value = _as_written(key, values.get(key))
        if value is not None:
            comment = f"# {comments[key]}\n" if key in comments else ""
            lines.append(
                comment + yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=110)
            )
    return "".join(lines)


def _as_written(key: str, value: object) -> object:
    is_number = key in {"cid", "aid"} and isinstance(value, str) and value.isdecimal()
    return int(str(value)) if is_number else value
