"""The form of an export and the values of its file: what nobody changed stays as it was written."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from airflow_microsoft_advertising.web.editing.form import Form
from airflow_microsoft_advertising.web.editing.segments import Line, with_tables
from airflow_microsoft_advertising.web.editing.spelling import compact, expand
from airflow_microsoft_advertising.web.forms import Posted

SHORT: dict[str, Any] = {
    "cid": 1,
    "aid": "2",
    "source": "lake",
    "segments": "all",
    "email": "Email",
    "schedule": None,
    "where": "x = 1",
}
LONG: dict[str, Any] = {
    "cid": 1,
    "aid": 2,
    "source": {"connection": "lake", "root": "abfs://a/b", "format": "csv"},
    "segments": ["Gold", {"table": "News", "audience": "Readers", "path": "x"}, {"table": "Plain"}],
    "email": {"columns": "Email", "take": "all"},
    "consent": {"column": "Ads", "allow": [True, "yes"]},
    "guards": {"max_rejected": None, "max_vanished": 0.3},
    "workspace": {"root": "work"},
    "description": "Two\nlines\n",
    "schedule": {"all": ["sales", "crm"]},
}
WATCHED: dict[str, Any] = {"segments": "all", "schedule": {"refresh": {"check_seconds": 300}}}
PARTS: dict[str, Any] = {"segments": "all", "schedule": {"any": ["a", "b"], "partition": "%Y-%m-%d"}}
MISTAKES: dict[str, Any] = {
    "source": 5,
    "email": None,
    "segments": {"a": 1},
    "guards": [],
    "consent": "Ads",
    "more": 1,
}

GONE = object()


def sent(form: Form, **changes: str) -> Form:
    """The form as a browser sends it, after a user has changed some fields."""
    fields = {"name": form.name, "lines": str(len(form.lines)), "more": "", **form.texts}
    for at, line in enumerate(form.lines):
        fields |= {
            f"table.{at}": line.table,
            f"audience.{at}": line.audience,
            f"rows.{at}": str(line.rows or ""),
        }
        fields |= {f"item.{at}": "" if line.item is None else str(line.item)}
        fields |= {f"chosen.{at}": "yes"} if line.chosen else {}
    fields |= changes
    return Form.posted(Posted(parse_qs(urlencode(fields), keep_blank_values=True)))


@pytest.mark.parametrize("values", [SHORT, LONG, WATCHED, PARTS, MISTAKES, {}])
def test_what_nobody_changed_is_unchanged(values: dict[str, Any]) -> None:
    assert sent(Form.of(values)).values(values) == values
    assert compact(expand(values), values) == values


@pytest.mark.parametrize(
    ("values", "changes", "expected"),
    [
        (SHORT, {"schedule": "0 5 * * *"}, {"schedule": "0 5 * * *"}),
        (SHORT, {"schedule": "asset: sales"}, {"schedule": {"asset": "sales"}}),
        (SHORT, {"schedule": "any: sales, crm"}, {"schedule": {"any": ["sales", "crm"]}}),
        (LONG, {"schedule": "none"}, {"schedule": GONE}),
        (SHORT, {"schedule": "asset: a; partition: %Y%m%d"}, {"schedule": {"asset": "a", "partition": "%Y%m%d"}}),
        (SHORT, {"schedule": "on-refresh"}, {"schedule": "on-refresh"}),
        (LONG, {"title": "Long"}, {"title": "Long"}),
        (SHORT, {"source": "other"}, {"source": "other"}),
        (SHORT, {"source_connection": "c"}, {"source": {"root": "lake", "connection": "c"}}),
        (SHORT, {"email": "A, B"}, {"email": ["A", "B"]}),
        (SHORT, {"cid": "7", "aid": "x"}, {"cid": 7, "aid": "x"}),
        (
            SHORT,
            {"consent_column": "Ads", "consent_values": "true, 1"},
            {"consent": {"column": "Ads", "allow": [True, "1"]}},
        ),
        (
            SHORT,
            {"consent_column": "Ads", "consent_values": "true, 1", "consent_kind": "number"},
            {"consent": {"column": "Ads", "allow": [True, 1]}},
        ),
        (SHORT, {"max_removed": ""}, {"guards": {"max_removed": None}}),
        (
            SHORT,
            {"max_removed": "0.2", "max_removed_members": "10"},
            {"guards": {"max_removed": 0.2, "max_removed_members": 10}},
        ),
        (SHORT, {"max_removed": "half"}, {"guards": {"max_removed": "half"}}),
        (SHORT, {"timezone": "Europe/Paris"}, {"timezone": "Europe/Paris"}),
        (SHORT, {"chosen.0": "no", "more": "Gold, No*"}, {"segments": ["Gold", "No*"]}),
        (SHORT, {"chosen.0": "no"}, {"segments": GONE}),
        (LONG, {"email": "Mail"}, {"email": {"columns": ["Mail"], "take": "all"}}),
        (LONG, {"source_connection": ""}, {"source": {"root": "abfs://a/b", "format": "csv"}}),
        (LONG, {"max_rejected": "0.5"}, {"guards": {"max_vanished": 0.3}}),
        (LONG, {"consent_column": "", "consent_values": ""}, {"consent": GONE}),
        (LONG, {"consent_values": "no"}, {"consent": {"column": "Ads", "allow": ["no"]}}),
        (LONG, {"description": ""}, {"description": GONE}),
        (LONG, {"audience.0": "Best"}, {"segments": [{"table": "Gold", "audience": "Best"}, *LONG["segments"][1:]]}),
        (LONG, {"audience.1": ""}, {"segments": ["Gold", {"table": "News", "path": "x"}, {"table": "Plain"}]}),
        (LONG, {"chosen.0": "", "more": "New"}, {"segments": [*LONG["segments"][1:], "New"]}),
        (LONG, {"item.0": "1"}, {}),
        (LONG, {"item.0": "77", "rows.0": "x"}, {}),
        (MISTAKES, {"source": "lake"}, {"source": "lake"}),
        (MISTAKES, {"email": "Email"}, {"email": "Email"}),
        ({}, {"more": "*", "schedule": "none", "workspace": "workspace"}, {"segments": "all"}),
    ],
)  # fmt: skip
def test_only_what_was_changed_changes(
    values: dict[str, Any], changes: dict[str, str], expected: dict[str, Any]
) -> None:
    result = sent(Form.of(values), **changes).values(values)
    assert result == {key: one for key, one in (values | expected).items() if one is not GONE}


def test_a_copy_has_audiences_of_its_own() -> None:
    values = {"title": "Autumn", "segments": ["Gold", "Gold copy", {"table": "A", "audience": "B"}, "No*"]}
    form = Form.of(values, "autumn").as_copy()
    assert (form.name, form.texts["title"]) == ("", "Autumn copy")
    assert [line.audience for line in form.lines] == ["Gold copy 2", "Gold copy copy", "B copy", ""]
    assert form.values(values)["segments"][2:] == [{"table": "A", "audience": "B copy"}, "No*"]
    assert Form.of({}).as_copy().texts["title"] == ""


def test_tables_of_the_lake_are_added_to_the_lines() -> None:
    lines = with_tables(
        [Line("Gold", "G", chosen=True, item=0)], ["Gold", "New", "Bad"], {"Gold": 5, "Bad": "torn"}
    )
    assert lines == (
        Line("Gold", "G", chosen=True, item=0, rows=5),
        Line("New"),
        Line("Bad", fault="torn"),
    )
