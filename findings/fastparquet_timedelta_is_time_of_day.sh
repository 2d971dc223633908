#!/usr/bin/env bash
# A timedelta that fastparquet writes is a time of day for other readers.
#
# fastparquet 2026.9.0, pandas 3.1.1, pyarrow 26.0.1, polars 2.1.0, DuckDB 2.0.1, Python 3.11. fastparquet stores a
# timedelta column as Parquet's TIME, which ends at 24:00, and reads it back itself. Of a day or more, pyarrow's
# `to_pylist` leaves the days out and its `to_pandas` raises, polars gives null, and DuckDB refuses the column.
# An account that is two days and three hours old is three hours old in one engine and of unknown age in another. What
# pyarrow writes of the same frame is a duration in polars. Open: dask/fastparquet#937.
# Seen on 2026-11-30, of 1 day, 2 days 03:00:00 and 23:59:59:
#   pyarrow time64[us], 00:00:00, 03:00:00, 23:59:59; ValueError | polars null, null, 23:59:59 | InvalidInputException
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  fastparquet==2026.9.0 pandas==3.1.1 pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1
FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import datetime as dt
import os

import duckdb
import fastparquet
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

ages = pd.to_timedelta(["1D", "2D 03:00:00", "23:59:59"])
file = f"{os.environ['FOLDER']}/ages.parquet"
fastparquet.write(file, pd.DataFrame({"age": ages}))


def outcome(read):
    try:
        return read()
    except (ValueError, duckdb.Error) as error:
        return type(error).__name__


column = pq.read_table(file)["age"]
seen = {
    "fastparquet": outcome(lambda: fastparquet.ParquetFile(file).to_pandas()["age"].tolist()),
    "pyarrow": (str(column.type), outcome(column.to_pylist), outcome(lambda: column.to_pandas().tolist())),
    "polars": outcome(lambda: pl.read_parquet(file)["age"].to_list()),
    "DuckDB": outcome(lambda: duckdb.sql(f"SELECT age FROM '{file}'").fetchall()),
}
print(*seen.items(), sep="\n")
late = dt.time(23, 59, 59)
assert seen["fastparquet"] == ages.tolist(), seen
assert seen["pyarrow"] == ("time64[us]", [dt.time(0), dt.time(3), late], "ValueError"), seen
assert seen["polars"] == [None, None, late], seen
assert seen["DuckDB"] == "InvalidInputException", seen
PYTHON
