"""`changes`: valid values, and the messages for invalid ones."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from customer_match.export.changes import ChangeLog
from customer_match.export.model import Export
from customer_match.export.segments import Segment
from customer_match.export.sources import Source

EXPORT: dict[str, Any] = {"name": "a", "cid": 1, "aid": 2, "source": "lake", "segments": ["A"], "email": "E"}


def source(changes: object) -> Source:
    return Source.model_validate({"root": "lake", "changes": changes})


@pytest.mark.parametrize("written", [False, "none", " None "])
def test_none_and_false_mean_no_log(written: object) -> None:
    changes = source(written).changes
    assert changes is not None
    assert changes.is_none


@pytest.mark.parametrize("written", [None, "auto"])
def test_without_a_setting_the_columns_decide(written: object) -> None:
    assert source(written).changes is None


@pytest.mark.parametrize(
    "written",
    [
        {"key": "Id", "order": "Version"},
        {"key": ["Id", "Company"], "order": ["A", "B"], "deleted": "Gone", "ties": "kept"},
        {"deleted": {"column": "Op", "values": "D"}},
        {"deleted": {"where": "Gone IS NOT NULL"}},
        {"ignored": {"column": "Op", "values": ["B"]}},
    ],
)
def test_any_of_its_keys_makes_a_table_a_log(written: object) -> None:
    changes = source(written).changes
    assert changes is not None
    assert not changes.is_none


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({}, "is empty. Write `changes: none`"),
        (True, "must be a mapping"),
        ("Id", "must be a mapping"),
        ({"key": "Id"}, "missing. Name the column that tells which row of an id is the newest"),
        ({"order": "Id"}, "missing. Name the column with the id"),
        ({"key": "Id", "order": "V", "deleted": {}}, "must have either `column` or `where`"),
        ({"deleted": {"column": "A", "where": "B = 1"}}, "must have either `column` or `where`"),
        ({"deleted": {"where": "B = 1", "values": ["D"]}}, "has no `column`"),
        ({"key": [], "order": "V"}, "is an empty list"),
    ],
)
def test_a_log_without_its_order_or_its_rows_is_rejected(written: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        source(written)


def test_changes_of_a_table_take_precedence_over_its_source() -> None:
    own = {"key": "Other", "order": "V"}
    export = Export.model_validate(
        EXPORT
        | {
            "source": {"root": "lake", "changes": {"key": "Id", "order": "V"}},
            "segments": [
                {"table": "A", "changes": "none"},
                "B",
                {"table": "B", "audience": "C", "changes": own},
            ],
        }
    )
    found = [
        export.source_of(Segment(table=table, audience=audience)).changes
        for table, audience in (("A", "A"), ("B", "B"), ("B", "C"))
    ]
    assert found == [
        ChangeLog(),
        ChangeLog(key=("Id",), order=("V",)),
        ChangeLog(key=("Other",), order=("V",)),
    ]
    pattern = Export.model_validate(EXPORT | {"segments": [{"table": "G*", "changes": own}]})
    assert pattern.source_of(Segment(table="Gold", audience="Gold")).changes == found[2]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"profiles": "P", "membership": {"changes": "none"}}, "applies only to one table of all segments"),
        (
            {"profiles": "P", "membership": "M", "segments": [{"table": "A", "changes": "none"}]},
            "is only for a segment with its own table",
        ),
    ],
)
def test_a_table_that_is_not_read_has_no_changes(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Export.model_validate(EXPORT | keys)
