"""The columns of the history, and the page that describes them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from customer_match.addresses.definition import Rejection
from customer_match.history.model import SCHEMA, HistoryRow
from customer_match.project import PROJECT

_WORDS = {"timestamp[us, tz=UTC]": "timestamp", "bool": "boolean", "int64": "integer", "double": "number"}


def test_the_page_lists_the_columns() -> None:
    rows = [
        f"| `{name}` | {_WORDS.get(str(SCHEMA.field(name).type), 'text')} | {field.description} |"
        for name, field in HistoryRow.model_fields.items()
    ]
    page = (PROJECT / "docs" / "history.md").read_text(encoding="utf-8")
    assert "\n".join(["| column | type | content |", "|---|---|---|", *rows]) in page


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("export", pa.string()),
        ("kind", pa.string()),
        ("dry_run", pa.bool_()),
        ("started", pa.timestamp("us", tz="UTC")),
        ("source_modified", pa.timestamp("us", tz="UTC")),
        ("profiles", pa.int64()),
        ("match_rate", pa.float64()),
    ],
)
def test_types(name: str, type_: pa.DataType) -> None:
    assert SCHEMA.field(name).type == type_


def test_every_reason_has_a_column() -> None:
    assert {f"rejected_{one}" for one in Rejection} == {
        name for name in SCHEMA.names if name.startswith("rejected_")
    }
