#!/usr/bin/env bash
# One library, two remainders and two whole divisions.
#
# polars 2.1.0, Python 3.11. In SQL (`pl.sql_expr`) `%` takes the sign of the dividend and `//` cuts towards zero; as
# operators of an expression `%` takes the sign of the divisor and `//` goes down, as in Python. `/` of two whole
# numbers is a fraction in both, where PostgreSQL and SQLite cut it.
#
# Who moves `(pl.col("Id") % 3) == 1` into a `where` in SQL gets other rows, without an error.
# Seen on 2026-11-30:
#   of -5 -4 -3 3 5   % 3              // 2
#   SQL               -2 -1 0 0 2      -2 -2 -1 1 2
#   expression        1 2 0 0 2        -3 -2 -2 1 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import polars as pl

frame = pl.DataFrame({"i": [-5, -4, -3, 3, 5]})
sql = [frame.select(x=pl.sql_expr(text))["x"].to_list() for text in ("i % 3", "i // 2", "i / 2")]
expression = [frame.select(x=x)["x"].to_list() for x in (pl.col("i") % 3, pl.col("i") // 2, pl.col("i") / 2)]
print("sql       ", *sql)
print("expression", *expression)
fractions = [-2.5, -2.0, -1.5, 1.5, 2.5]
assert sql == [[-2, -1, 0, 0, 2], [-2, -2, -1, 1, 2], fractions], sql
assert expression == [[1, 2, 0, 0, 2], [-3, -2, -2, 1, 2], fractions], expression
PYTHON
