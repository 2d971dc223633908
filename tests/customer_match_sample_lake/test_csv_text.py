"""CSV files as they are written: read back by the standard library."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from customer_match_sample_lake.csv_text import Csv

COLUMNS = ["Id", "Name"]
ROWS = [
    {"Id": 1, "Name": 'Anna "A", b;c|d\te\\f'},
    {"Id": 2, "Name": "two\r\nlines"},
    {"Id": None, "Name": "Ω"},
]
VALUES = [["1", ROWS[0]["Name"]], ["2", ROWS[1]["Name"]], ["", "Ω"]]


class Forward(io.BytesIO):
    """A file without seek, as in object storages."""

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize(
    ("style", "reading"),
    [
        ({}, {}),
        ({"delimiter": ";"}, {"delimiter": ";"}),
        ({"escape": "\\"}, {"escapechar": "\\", "doublequote": False}),
    ],
)
def test_written_rows_can_be_read(encoding: str, style: dict[str, Any], reading: dict[str, Any]) -> None:
    csv_style = Csv(header=True, encoding=encoding, **style)
    file = Forward()
    csv_style.write(file, COLUMNS, [ROWS[:1], [], ROWS[1:]])
    text = file.getvalue().decode(encoding)
    assert list(csv.reader(io.StringIO(text, newline=""), **reading)) == [COLUMNS, *VALUES]
    assert csv_style.content(COLUMNS, ROWS) == file.getvalue()


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", b"1"), ("utf-8-sig", b"\xef\xbb\xbf"), ("utf-16", b"\xff\xfe")]
)
def test_byte_order_marks_come_once(encoding: str, mark: bytes) -> None:
    file = Forward()
    Csv(encoding=encoding).write(file, ["Id"], [[{"Id": 1}], [{"Id": 1}]])
    assert file.getvalue().startswith(mark)
    assert "\ufeff" not in file.getvalue().decode("utf-8-sig" if encoding == "utf-8" else encoding)


def test_values_may_be_written_without_quotation_marks() -> None:
    assert (
        Csv(quoted=False, delimiter="|").content(["Id", "Name"], [{"Id": 'a"b', "Name": "x,y"}])
        == b'a"b|x,y\r\n'
    )
