"""The reference of the export file, generated from its model: keys, meanings, defaults, examples, JSON schema.

`python -m customer_match.export.reference_page` updates `docs/export-file.md` and `include/exports/export.schema.json`,
which editors use to complete and check keys. A test checks that both are up to date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from customer_match.export.model import Export
from customer_match.project import PROJECT

__all__ = [
    "FIELDS",
    "children",
    "default_text",
    "example_text",
    "is_listed_elsewhere",
    "json_schema",
    "main",
    "reference_table",
    "with_table",
]

BEGIN: Final = "<!-- made by include/customer_match/export/reference_page.py -->"
END: Final = "<!-- end -->"

Keys = tuple[str, ...]

_LISTED_AT: Final[Mapping[str, Keys]] = {"source": ("source",), "changes": ("source", "changes")}
_LIKE_THE_EXPORTS: Final[frozenset[Keys]] = frozenset({("segments", "email"), ("segments", "consent")})


def _fields(model: type[BaseModel], above: Keys = ()) -> Iterator[tuple[Keys, FieldInfo]]:
    for key, info in model.model_fields.items():
        yield (*above, key), info
        for part in _models(info.annotation):
            yield from _fields(part, (*above, key))


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


FIELDS: Final[Mapping[Keys, FieldInfo]] = dict(_fields(Export))
"""Every key of the file by its path from the top, without indices of lists, in the order of the model."""


def children(above: Keys) -> list[str]:
    """The keys that a mapping of the file may have."""
    return [keys[-1] for keys in FIELDS if keys[:-1] == above]


def default_text(info: FieldInfo) -> str | None:
    """The default of a key, as text; None if the key is required."""
    extra = info.json_schema_extra
    if isinstance(extra, dict) and "x-default" in extra:
        return str(extra["x-default"])
    if info.is_required():
        return None
    default = info.default if info.default is not PydanticUndefined else None
    if isinstance(default, BaseModel):
        return f"`{default.root}`" if hasattr(default, "root") else "the defaults of its keys"
    if default is None or default == ():
        return "none"
    plain = to_jsonable_python(default)
    return f"`{plain if isinstance(plain, str) else json.dumps(plain)}`"


def example_text(info: FieldInfo) -> str:
    """The first example of a key, as it is written in the file."""
    first = (info.examples or [""])[0]
    return first if isinstance(first, str) else json.dumps(first)


def is_listed_elsewhere(keys: Keys) -> bool:
    """Whether a key belongs to a mapping whose keys are listed elsewhere, so that `written like source` is enough."""
    if any(keys[:length] in _LIKE_THE_EXPORTS for length in range(1, len(keys))):
        return True
    return any(
        keys[index] in _LISTED_AT and keys[: index + 1] != _LISTED_AT[keys[index]]
        for index in range(len(keys) - 1)
    )


def reference_table() -> str:
    """The keys as a Markdown table; those of a mapping that occurs several times only once."""
    rows = [
        f"| `{_dotted(keys)}` | {(info.description or '').replace('|', chr(92) + '|')} "
        f"| {default_text(info) or '**required**'} | `{example_text(info)}` |"
        for keys, info in FIELDS.items()
        if not is_listed_elsewhere(keys)
    ]
    return "\n".join(["| Key | Meaning | Default | Example |", "|---|---|---|---|", *rows])


def _dotted(keys: Keys) -> str:
    return (
        ".".join(keys)
        .replace("segments.", "segments[].")
        .replace("suppress.", "suppress[].")
        .replace("alerts.to.", "alerts.to[].")
    )


def with_table(page: str) -> str:
    """A page with the table between its markers replaced by a new one."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference_table()}\n\n{END}{after}"


def json_schema() -> str:
    """The JSON schema of the file, as text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Export.model_json_schema()}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Update the table and the schema."""
    page = PROJECT / "docs" / "export-file.md"
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
    schema = PROJECT / "include" / "exports" / "export.schema.json"
    schema.write_text(json_schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
