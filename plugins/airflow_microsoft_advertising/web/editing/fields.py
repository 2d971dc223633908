"""The fields of the form and the keys of the export file that they stand for.

A field shows the value of its key, or the default of the export model. Only a field that was changed changes the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_microsoft_advertising.web.editing.spelling import schedule_of_text
from customer_match.drafts.typed import typed
from customer_match.export.limits import Guards
from customer_match.export.model import Export

__all__ = ["CONSENT_COLUMN", "FIELDS", "Field", "apply", "shown"]

Values = dict[str, Any]


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_as_text, value)) if isinstance(value, (list, tuple)) else str(value)


def _number(text: str) -> Any:
    """A number, or the text itself, about which the loader says what it thinks."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _list(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


@dataclass(frozen=True)
class Field:
    """A field.

    Attributes:
        name: Its name in the form.
        path: The key of the file, in values as `expand` returns them.
        default: The value of the model if the file does not have the key.
        parse: Makes the value of a text that is not empty.
        can_be_off: Whether an empty field turns the key off (`null`), instead of removing it.
    """

    name: str
    path: tuple[str, ...]
    default: Any = None
    parse: Callable[[str], Any] = str
    can_be_off: bool = False

    @property
    def key(self) -> str:
        """The key as messages name it."""
        return ".".join(self.path)


CONSENT_COLUMN: Final = "consent_column"


def _default(key: str) -> Any:
    return Export.model_fields[key].default


def _guard(name: str) -> Field:
    default = Guards.model_fields[name].default
    return Field(name, ("guards", name), default, _number, can_be_off=default is not None)


FIELDS: Final = (
    Field("title", ("title",)),
    Field("description", ("description",)),
    Field("connection", ("connection",), _default("connection")),
    Field("cid", ("cid",), parse=_number),
    Field("aid", ("aid",), parse=_number),
    Field("source", ("source", "root")),
    Field("source_connection", ("source", "connection")),
    Field("email", ("email", "columns"), parse=_list),
    Field(CONSENT_COLUMN, ("consent", "column")),
    Field("consent_values", ("consent", "allow"), parse=_list),
    *map(
        _guard, ("max_rejected", "max_removed", "max_removed_members", "max_profiles_lost", "max_age_hours")
    ),
    Field("schedule", ("schedule",), "none", schedule_of_text),
    Field("timezone", ("timezone",), _default("timezone")),
    Field("vanished", ("vanished",), _default("vanished")),
    Field("workspace", ("workspace", "root"), _default("workspace").root),
    Field("workspace_connection", ("workspace", "connection")),
)


def shown(field: Field, values: Mapping[str, Any]) -> str:
    """The text of a field.

    Args:
        field: The field.
        values: Values as `expand` returns them.
    """
    found, missing = values, field.default
    for step in field.path:
        if not isinstance(found, Mapping) or step not in found:
            return _as_text(missing)
        found = found[step]
    is_none = field.path == ("schedule",) and found is None
    return "none" if is_none else _as_text(found)


def apply(texts: Mapping[str, str], values: Values, *, consent_kind: str = "") -> None:
    """Change values to what the fields say.

    Args:
        texts: The texts of the fields by name; a field that is missing is unchanged.
        values: Values as `expand` returns them; they are changed.
        consent_kind: What the column of consent holds, as `typed` takes it.
    """
    changed = [
        (field, texts[field.name])
        for field in FIELDS
        if field.name in texts and texts[field.name] != shown(field, values).strip()
    ]
    for field, text in changed:
        _put(field, text, values, consent_kind)
    if any(field.name == CONSENT_COLUMN and not text for field, text in changed):
        values.pop("consent", None)


def _put(field: Field, text: str, values: Values, consent_kind: str) -> None:
    *above, key = field.path
    section = values
    for step in above:
        section = section.setdefault(step, {})
    if text == _as_text(field.default) or (not text and not field.can_be_off):
        section.pop(key, None)
        if above and not section:
            values.pop(above[0])
    elif not text:
        section[key] = None
    else:
        value = field.parse(text)
        section[key] = typed(value, consent_kind) if field.name == "consent_values" else value
