"""The reference of the export file is up to date, complete, and correct."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from check_jsonschema import main as check_jsonschema  # type: ignore[import-untyped]  # it has no types
from click.testing import CliRunner

from customer_match.export.model import Export
from customer_match.export.reference_page import FIELDS, is_listed_elsewhere, json_schema, with_table
from customer_match.export.yaml_document import read_document
from customer_match.project import PROJECT

PAGE = PROJECT / "docs" / "export-file.md"
SCHEMA = PROJECT / "include" / "exports" / "export.schema.json"
AGAIN = "run `python -m customer_match.export.reference_page`"


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), AGAIN


def test_the_schema_is_up_to_date() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json_schema(), AGAIN


def test_the_page_has_every_key() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(FIELDS) > len(Export.model_fields)
    for keys in FIELDS:
        if is_listed_elsewhere(keys):
            above = next(keys[:n] for n in range(1, len(keys)) if is_listed_elsewhere(keys[: n + 1]))
            assert "written like" in (FIELDS[above].description or "")
            continue
        dotted = (
            ".".join(keys)
            .replace("segments.", "segments[].")
            .replace("suppress.", "suppress[].")
            .replace("alerts.to.", "alerts.to[].")
        )
        assert f"| `{dotted}` |" in page


@pytest.mark.parametrize("keys", FIELDS, ids=".".join)
def test_every_key_is_described_and_its_examples_are_valid(keys: tuple[str, ...]) -> None:
    info = FIELDS[keys]
    assert info.description
    assert info.description.endswith(".")
    assert info.examples
    for example in info.examples:
        value = example
        if isinstance(example, str) and example[:1] in "[{":
            value = yaml.safe_load(example)
        if keys[0] == "workspace" and len(keys) > 1:
            continue  # the same model as the source
        Export.model_validate(_export_with(keys, value))


def _export_with(keys: tuple[str, ...], value: object) -> dict[str, object]:
    lake = {"connection": "lake", "root": "abfs://lake/x"}
    export: dict[str, object] = {
        "name": "a",
        "cid": 1,
        "aid": 2,
        "source": lake,
        "segments": ["A"],
        "email": "E",
    }
    if keys[0] == "membership":
        export["profiles"] = "P"
    if keys[0] == "deadline":
        export |= {"schedule": "@daily", "alerts": [{"slack": "chat"}]}
    if len(keys) == 1:
        return export | {keys[0]: value}
    if keys[0] == "alerts" and keys[1] != "to":
        return export | {"alerts": {"to": [{"slack": "chat"}], keys[1]: value}}
    if keys[:3] == ("alerts", "to", "email") and len(keys) > 3:
        value = {"to": "a@example.com", keys[-1]: value}
        return export | {"alerts": [{"email": value}]}
    if keys[-2:] == ("notifier", "arguments"):
        return export | {"alerts": [{"notifier": {"path": "a.B", "arguments": value}}]}
    if keys[0] == "segments":
        return export | {"segments": [{"table": "A"} | _mapping_with(keys, value)]}
    return export | {keys[0]: _mapping_with(keys, value)}


def _mapping_with(keys: tuple[str, ...], value: object) -> dict[str, object]:
    """The mapping of the first key, down to the last one's value, with what else it must have."""
    needed: dict[str, dict[str, object]] = {
        "source": {"connection": "lake", "root": "abfs://lake/x"},
        "email": {"columns": "E"},
        "consent": {"column": "C", "allow": ["x"]},
        "suppress": {} if keys[-1] in ("table", "path") else {"table": "S"},
        "profiles": {} if keys[-1] in ("table", "path") else {"table": "P"},
        "membership": {"table": "M"} if keys[1] in ("segments", "changes") else {},
        "schedule": {"asset": "sales"} if keys[1:] == ("partition",) else {},
        "changes": {"key": {"order": "V"}, "order": {"key": "K"}, "ties": {"deleted": "D"}}.get(keys[1], {}),
        "deleted": {"column": "C"} if keys[-1] == "values" else {},
        "ignored": {"column": "C"} if keys[-1] == "values" else {},
    }
    inner = value if len(keys) == 2 else _mapping_with(keys[1:], value)
    return needed.get(keys[0], {}) | {keys[1]: inner}


def test_the_pages_examples_are_valid() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    checked = 0
    for block in blocks:
        for start in re.split(r"(?m)^(?=source:)", block) if block.count("source:") > 1 else [block]:
            values = read_document(start.encode()).values
            if values:
                Export.model_validate(_export_with(("name",), "a") | values)
                checked += 1
    assert checked >= 5


@pytest.mark.parametrize(
    ("content", "valid"),
    [
        ("{cid: 1, aid: '2', source: lake, segments: all, email: Email}", True),
        (
            "{cid: 1, aid: 2, source: {root: lake}, segments: [A, {table: B}], email: [A, B], schedule: null}",
            True,
        ),
        ("{cid: 1, aid: 2, source: lake, segments: all}", False),
        ("{cid: 1, aid: 2, source: lake, segments: all, email: E, typo: 1}", False),
        ("{cid: 1, aid: 2, source: lake, segments: [{tabel: A}], email: E}", False),
        ("{cid: 1, aid: 2, source: lake, segments: all, email: E, scope: customer}", False),
    ],
)
def test_the_schema_accepts_what_the_model_accepts(tmp_path: Path, content: str, *, valid: bool) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(content)
    result = CliRunner().invoke(check_jsonschema, ["--schemafile", str(SCHEMA), str(file)])
    assert (result.exit_code == 0) is valid, result.output


def test_the_schema_is_json_of_a_known_draft() -> None:
    assert json.loads(json_schema())["$schema"].endswith("2020-12/schema")
