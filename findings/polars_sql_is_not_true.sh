#!/usr/bin/env bash
# `b IS NOT TRUE` is null for null.
#
# polars 2.1.0, Python 3.11. The SQL standard has IS [NOT] TRUE so that null gets an answer: null IS NOT TRUE is true
# (PostgreSQL, SQLite, DuckDB). In `pl.sql_expr` all four forms give null for null, so that
# `WHERE unsubscribed IS NOT TRUE` loses everybody who never answered.
# Seen on 2026-11-30: polars [False, True, None], SQLite [0, 1, 1] for true, false, null.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import sqlite3

import polars as pl

values = [True, False, None]
frame = pl.DataFrame({"b": values})
polars = {
    text: frame.select(x=pl.sql_expr(f"b {text}"))["x"].to_list()
    for text in ("IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE")
}
sqlite = [sqlite3.connect(":memory:").execute("SELECT ? IS NOT TRUE", (value,)).fetchone()[0] for value in values]
print(polars, "SQLite:", sqlite)
assert polars == {
    "IS TRUE": [True, False, None],
    "IS NOT TRUE": [False, True, None],
    "IS FALSE": [False, True, None],
    "IS NOT FALSE": [True, False, None],
}, polars
assert sqlite == [0, 1, 1]
PYTHON
