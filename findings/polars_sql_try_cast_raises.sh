#!/usr/bin/env bash
# TRY_CAST of text to a date raises, whatever the text is.
#
# polars 2.1.0, Python 3.11. In SQL, TRY_CAST is what never fails: it gives null for what does not fit. polars 2.0 took
# casts from text to dates, times and booleans away, and TRY_CAST (like `cast(strict=False)`) answers with
# InvalidOperationError, also for "2026-01-03", once a single value is not null. An empty column passes. To INT,
# TRY_CAST still gives null. So a check on an empty frame says that the condition is fine, and the first row ends it.
# Seen on 2026-11-30:
#   no rows: passes | '2026-01-03' AS DATE: InvalidOperationError | 'true' AS BOOLEAN: InvalidOperationError | 'x' AS INT: [None]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import polars as pl


def outcome(values, kind):
    frame = pl.DataFrame({"s": pl.Series(values, dtype=pl.String)})
    try:
        return frame.select(x=pl.sql_expr(f"TRY_CAST(s AS {kind})"))["x"].to_list()
    except pl.exceptions.PolarsError as error:
        return type(error).__name__


seen = {
    "no rows AS DATE": outcome([], "DATE"),
    "null AS DATE": outcome([None], "DATE"),
    "2026-01-03 AS DATE": outcome(["2026-01-03"], "DATE"),
    "true AS BOOLEAN": outcome(["true"], "BOOLEAN"),
    "x AS INT": outcome(["x"], "INT"),
}
print(seen)
refused = "InvalidOperationError"
assert list(seen.values()) == [[], [None], refused, refused, [None]], seen
PYTHON
