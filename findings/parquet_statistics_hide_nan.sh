#!/usr/bin/env bash
# A condition finds a NaN in memory and not in the Parquet file of the same rows.
#
# pyarrow 26.0.1, DuckDB 2.0.1, polars 2.1.0, Python 3.11. The smallest and largest values in Parquet's statistics
# leave NaN out, as the format says. pyarrow's `!=` and DuckDB's `<>`, `>` and even `isnan` skip row groups by them, and
# DuckDB's `<=` takes the NaN as well, so that a score that is NaN for "unknown" is lost or selected, without an error.
# It depends on who wrote the file: DuckDB writes no such statistics for a column with NaN, and finds it then. polars
# finds it in both. DuckDB's option `can_have_nan`, off unless set, makes it look (duckdb/duckdb#17883, #25521).
# Seen on 2026-11-30, ids of the rows (1, 1.0), (2, NaN), (3, null):
#                    pyarrow !=   DuckDB <>   > 5   isnan   <= 1    polars is_nan
#   in memory        2            2           2     2       1
#   pyarrow's file   none         none        none  none    1, 2    2
#   can_have_nan                  2           2     2       1
#   DuckDB's file    2            2           2     2       1       2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import os

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

people = pa.table({"id": [1, 2, 3], "score": [1.0, float("nan"), None]})
by_pyarrow, by_duckdb = (f"{os.environ['FOLDER']}/{name}.parquet" for name in ("pyarrow", "duckdb"))
pq.write_table(people, by_pyarrow)
duckdb.sql(f"COPY people TO '{by_duckdb}'")


def in_duckdb(source):
    conditions = ("score <> 1.0", "score > 5", "isnan(score)", "score <= 1.0")
    found = (duckdb.sql(f"SELECT id FROM {source} WHERE {condition} ORDER BY id") for condition in conditions)
    return [[id for (id,) in rows.fetchall()] for rows in found]


def in_polars(path):
    return pl.scan_parquet(path).filter(pl.col("score").is_nan()).collect()["id"].to_list()


different = pc.field("score") != 1.0
seen = {
    "pyarrow, memory": people.filter(different)["id"].to_pylist(),
    "pyarrow, pyarrow's file": pq.read_table(by_pyarrow, filters=different)["id"].to_pylist(),
    "pyarrow, DuckDB's file": pq.read_table(by_duckdb, filters=different)["id"].to_pylist(),
    "DuckDB, memory": in_duckdb("people"),
    "DuckDB, pyarrow's file": in_duckdb(f"'{by_pyarrow}'"),
    "DuckDB, pyarrow's file, can_have_nan": in_duckdb(f"read_parquet('{by_pyarrow}', can_have_nan = true)"),
    "DuckDB, DuckDB's file": in_duckdb(f"'{by_duckdb}'"),
    "polars, pyarrow's file": in_polars(by_pyarrow),
    "polars, DuckDB's file": in_polars(by_duckdb),
}
print(*seen.items(), sep="\n")
right = [[2], [2], [2], [1]]
hidden = [[], [], [], [1, 2]]
assert list(seen.values()) == [[2], [], [2], right, hidden, right, right, [2], [2]], seen
PYTHON
