#!/usr/bin/env bash
# A plus before one number of a CSV file makes doubles of the whole column.
#
# pyarrow 26.0.1, Python 3.11. Without column types, `4912345` is int64 and `+4912345` double: the reader of whole
# numbers knows only a minus, the reader of doubles both signs. One `+` in a column is enough. A phone number turned
# into text is then 4.915123456789e+12, and ids of 16 digits and more are rounded, so that two customers become one,
# without an error. With int64 as the column's type, the file is refused.
# Seen on 2026-11-30:
#   4912345 int64 | +4912345 double | 4912345 and +4912345 double | as int64: ArrowInvalid
#   +4915123456789 as text: 4.915123456789e+12 | +9007199254740993 and 9007199254740992: both 9007199254740992.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import pyarrow as pa
import pyarrow.csv as pc


def column(*cells, **types):
    file = pa.py_buffer("\n".join(["id", *cells]).encode())
    return pc.read_csv(file, convert_options=pc.ConvertOptions(column_types=types))["id"]


def described(*cells):
    ids = column(*cells)
    return str(ids.type), ids.to_pylist()


try:
    column("+4912345", id=pa.int64())
    asked = "read"
except pa.ArrowInvalid as error:
    asked = str(error)
seen = {
    "without": described("4912345"),
    "with": described("+4912345"),
    "mixed": described("4912345", "+4912345"),
    "as int64": asked,
    "as text": column("+4915123456789").cast(pa.string()).to_pylist(),
    "long without": described("9007199254740993", "9007199254740992"),
    "long": described("+9007199254740993", "9007199254740992"),
}
print(*seen.items(), sep="\n")
assert seen["without"] == ("int64", [4912345]), seen
assert seen["with"] == ("double", [4912345.0]), seen
assert seen["mixed"] == ("double", [4912345.0, 4912345.0]), seen
assert "invalid value '+4912345'" in seen["as int64"], seen
assert seen["as text"] == ["4.915123456789e+12"], seen
assert seen["long without"] == ("int64", [9007199254740993, 9007199254740992]), seen
assert seen["long"] == ("double", [9007199254740992.0, 9007199254740992.0]), seen
PYTHON
