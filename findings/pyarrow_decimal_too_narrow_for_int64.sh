#!/usr/bin/env bash
# Schemas of an int64 and a decimal unify to a type that no int64 can be cast to.
#
# pyarrow 26.0.1, Python 3.11. `promote_options="permissive"` unifies decimal128(10, 0) with int64 to
# decimal128(18, 0). An int64 has up to 19 digits, and the cast to a decimal asks for room for all of them, whatever
# the values are: the schemas unify without a word, and tables of them cannot be joined, not even for the id 7. Beside
# decimal128(19, 0) they can. Of int32, which needs 10 digits, decimal128(10, 0) is right.
# Seen on 2026-11-30: decimal128(18, 0), then "Precision is not great enough for the result. It should be at least 19".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
from decimal import Decimal

import pyarrow as pa


def joined(digits, whole):
    decimals = pa.table({"id": pa.array([Decimal(7)], pa.decimal128(digits, 0))})
    others = pa.table({"id": pa.array([7], whole)})
    kind = pa.unify_schemas([decimals.schema, others.schema], promote_options="permissive").field("id").type
    try:
        return str(kind), pa.concat_tables([decimals, others], promote_options="permissive")["id"].to_pylist()
    except pa.ArrowInvalid as error:
        return str(kind), str(error)


seen = [joined(10, pa.int64()), joined(19, pa.int64()), joined(10, pa.int32())]
print(*seen, sep="\n")
assert seen[0][0] == "decimal128(18, 0)" and "at least 19" in seen[0][1], seen[0]
assert seen[1] == ("decimal128(19, 0)", [Decimal(7), Decimal(7)]), seen[1]
assert seen[2][1] == [Decimal(7), Decimal(7)], seen[2]
PYTHON
