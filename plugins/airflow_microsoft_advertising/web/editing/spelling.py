"""Values of an export file in one spelling: files may write `source: lake` or `source: {root: lake}`.

The form works on mappings and lists. What it does not change is written as it was.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["compact", "expand", "schedule_of_text"]

_FOLDERS: Final = ("source", "workspace")
_ALONE: Final = ("asset", "partition")
_OF_ASSETS: Final = re.compile(r"(asset|all|any|partition)\s*:\s*(.+)")

Values = dict[str, Any]


def expand(values: Mapping[str, Any]) -> Values:
    """Write short forms out. What is no valid form at all is left out; it stays in the file unless it is replaced."""
    result = copy.deepcopy(dict(values))
    for key in _FOLDERS:
        if key in result:
            result[key] = _mapping(result[key], "root")
    if "email" in result:
        result["email"] = _email(result["email"])
    for key in ("consent", "guards"):
        if key in result:
            result[key] = result[key] if isinstance(result[key], dict) else {}
    if isinstance(result.get("schedule"), dict):
        result["schedule"] = _schedule(result["schedule"])
    result["segments"] = _segments(result.get("segments"))
    return result


def compact(values: Mapping[str, Any], written: Mapping[str, Any]) -> Values:
    """Shorten values again: in the spelling of the file where nothing has changed, and short where something has.

    Args:
        values: Values as `expand` returns them.
        written: The values of the file; empty for a new one.
    """
    before, result = expand(written), dict(copy.deepcopy(dict(values)))
    for key in list(result):
        if key in written and result[key] == before.get(key):
            result[key] = written[key]
        elif key in {*_FOLDERS, "email", "consent", "guards", "segments"} and not result[key]:
            del result[key]
        else:
            result[key] = _short(key, result[key], written.get(key))
    return result


def _mapping(value: Any, short: str) -> Values:
    return value if isinstance(value, dict) else {short: value} if isinstance(value, str) else {}


def _email(value: Any) -> Values:
    if not isinstance(value, dict):
        value = {"columns": value}
    columns = value.get("columns")
    listed = [columns] if isinstance(columns, str) else columns
    return {**value, "columns": listed} if isinstance(listed, list) else {}


def _schedule(value: Values) -> Any:
    """A schedule as one text: `asset: sales; partition: %Y-%m-%d`, `any: sales, crm`, `on-refresh`, or its times."""
    if set(value) == {"cron"}:
        return value["cron"]
    if set(value) == {"refresh"}:
        return "on-refresh"
    return "; ".join(
        f"{key}: {', '.join(map(str, one)) if isinstance(one, list) else one}" for key, one in value.items()
    )


def schedule_of_text(text: str) -> Any:
    """The schedule that a text stands for, as the file has it."""
    found = [_OF_ASSETS.fullmatch(one.strip()) for one in text.split(";")]
    keys = {one[1]: one[2] for one in found if one}
    if len(keys) < len(found):
        return text
    return {key: value if key in _ALONE else _items(value) for key, value in keys.items()}


def _items(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _segments(value: Any) -> list[Values]:
    if isinstance(value, str):
        return [{"table": "*" if value.strip() == "all" else value}]
    items = value if isinstance(value, list) else []
    return [_mapping(item, "table") for item in items]


def _short(key: str, value: Any, written: Any) -> Any:
    if key in _FOLDERS and set(value) == {"root"} and not isinstance(written, dict):
        return value["root"]
    if key == "email" and set(value) == {"columns"} and not isinstance(written, dict):
        return value["columns"][0] if len(value["columns"]) == 1 else value["columns"]
    if key == "segments":
        return "all" if value == [{"table": "*"}] else [_short_segment(one, written) for one in value]
    return value


def _short_segment(item: Values, written: Any) -> Any:
    is_spelled_out = isinstance(written, list) and item in written
    return item["table"] if set(item) == {"table"} and not is_spelled_out else item
