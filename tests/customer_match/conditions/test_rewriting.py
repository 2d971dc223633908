"""Results of functions and operators in a condition, for every value, compared with SQLite or the docs."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from typing import Any

import pyarrow as pa
import pytest

from customer_match.conditions.checking import FUNCTIONS, parse_condition
from customer_match.conditions.row_filter import row_filter
from customer_match.errors import ConfigurationError

COLUMNS: dict[str, pa.DataType] = {
    "s": pa.string(),
    "n": pa.int64(),
    "f": pa.float64(),
    "m": pa.int8(),
    "u": pa.uint64(),
    "b": pa.bool_(),
    "d": pa.date32(),
    "ts": pa.timestamp("us"),
}
TEXTS = [None, "", "ann", " Ann ", "\ta\n", "a_b", "50%", "-7", " 10 "]
NUMBERS = [None, -7, -1, 0, 1, 3]
FLOATS = [None, -2.5, -0.5, 0.0, 0.5, 1.5, 2.5, 3.7]
DAYS = [None, dt.date(2026, 12, 31), dt.date(2025, 2, 1)]
ROWS: list[tuple[Any, ...]] = [
    (
        *cells,
        [None, -128, -1, 0, 2, 127][i % 6],
        [None, 0, 1, 5][i % 4],
        [None, True, False][i % 3],
        DAYS[i % 3],
        None if DAYS[i % 3] is None else dt.datetime.combine(DAYS[i % 3], dt.time(23, 59, 58)),
    )
    for i, cells in enumerate(product(TEXTS, NUMBERS, FLOATS))
]

INT, DOUBLE, TEXT, BOOL = pa.int64(), pa.float64(), pa.string(), pa.bool_()
SAME = [
    ("ABS(n)", INT),
    ("ABS(m)", INT),
    ("ABS(u - 5)", INT),
    ("ROUND(f)", DOUBLE),
    ("ROUND(f, 1)", DOUBLE),
    ("ROUND(f * 10, 0)", DOUBLE),
    ("ROUND(n)", INT),
    ("ROUND(-f)", DOUBLE),
    ("COALESCE(s, 'x')", TEXT),
    ("COALESCE(n, m, 0)", INT),
    ("IFNULL(n, 0)", INT),
    ("NULLIF(s, '')", TEXT),
    ("NULLIF(n, m)", INT),
    ("LENGTH(s)", INT),
    ("LENGTH(s) - 5", INT),
    ("-LENGTH(s)", INT),
    ("LOWER(s)", TEXT),
    ("UPPER(s)", TEXT),
    ("TRIM(s)", TEXT),
    ("LTRIM(s)", TEXT),
    ("RTRIM(s)", TEXT),
    ("LTRIM(s, 'a ')", TEXT),
    ("RTRIM(s, 'n ')", TEXT),
    ("REPLACE(s, 'n', '')", TEXT),
    ("REPLACE(s, 'n', 'xy')", TEXT),
    ("SUBSTR(s, 1)", TEXT),
    ("SUBSTR(s, 2, 1)", TEXT),
    ("SUBSTR(s, 9, 1)", TEXT),
    ("SUBSTR(s, 1, 0)", TEXT),
    ("SUBSTRING(s, 2)", TEXT),
    ("n + m", INT),
    ("m * 100", INT),
    ("m - 100", INT),
    ("-m", INT),
    ("u - 5", INT),
    ("-u", INT),
    ("n * -3", INT),
    ("n % 3", INT),
    ("n % -3", INT),
    ("f / 2", DOUBLE),
    ("n + NULL", INT),
    ("s || 'x'", TEXT),
    ("s || NULL", TEXT),
    ("CASE WHEN b THEN 100 ELSE 0 END * 100000000", INT),
    ("CASE n WHEN 1 THEN 'x' WHEN NULL THEN 'y' END", TEXT),
    ("100000 * 100000 + n", INT),
    ("CAST(f AS BIGINT)", INT),
    ("CAST(n AS TEXT)", TEXT),
    ("CAST(f AS TEXT)", TEXT),
    ("CAST(n AS DOUBLE PRECISION)", DOUBLE),
    ("CAST(b AS INT)", INT),
    ("s LIKE 'a_b'", BOOL),
    ("s LIKE '%'", BOOL),
    ("s NOT LIKE '%n'", BOOL),
    ("s LIKE ''", BOOL),
    ("s < 'a'", BOOL),
    ("n IN (1, NULL)", BOOL),
    ("n NOT IN (1, NULL)", BOOL),
    ("n BETWEEN NULL AND 1", BOOL),
    ("n NOT BETWEEN -1 AND 1", BOOL),
    ("n BETWEEN 1 AND -1", BOOL),
    ("m < n", BOOL),
    ("f > n", BOOL),
    ("u > -1", BOOL),
    ("u < m", BOOL),
    ("m > 1000", BOOL),
    ("NOT b OR n > 0", BOOL),
    ("b AND NULL", BOOL),
    ("b OR NULL", BOOL),
    ("n IS NULL", BOOL),
    ("CURRENT_DATE > d", BOOL),
    ("CURRENT_TIMESTAMP > ts", BOOL),
]
"""Written the same for both."""

LEFT = "CASE WHEN {n} >= 0 THEN substr(s, 1, {n}) ELSE substr(s, 1, max(length(s) + {n}, 0)) END"
RIGHT = "CASE WHEN {n} >= 0 THEN substr(s, max(length(s) - {n} + 1, 1)) ELSE substr(s, 1 - {n}) END"
OTHERWISE_WRITTEN = [
    ("CEIL(f)", "CAST(f AS INT) + (f > CAST(f AS INT))", DOUBLE),
    ("CEILING(f)", "CAST(f AS INT) + (f > CAST(f AS INT))", DOUBLE),
    ("FLOOR(f)", "CAST(f AS INT) - (f < CAST(f AS INT))", DOUBLE),
    ("DIV(n, 2)", "n / 2", INT),
    ("DIV(n, -2)", "n / -2", INT),
    ("MOD(n, 3)", "n % 3", INT),
    ("n / 2", "n / 2.0", DOUBLE),
    ("IF(b, 1, 0) * 3000000000", "CASE WHEN b THEN 3000000000 ELSE 0 END", INT),
    ("GREATEST(n, m)", "coalesce(max(n, m), n, m)", INT),
    ("LEAST(n, 1)", "coalesce(min(n, 1), 1)", INT),
    ("BIT_LENGTH(s) - 100", "8 * length(CAST(s AS BLOB)) - 100", INT),
    ("OCTET_LENGTH(s)", "length(CAST(s AS BLOB))", INT),
    ("CHAR_LENGTH(s)", "length(s)", INT),
    ("CHARACTER_LENGTH(s)", "length(s)", INT),
    ("CONCAT(s, n)", "coalesce(s, '') || coalesce(n, '')", TEXT),
    ("CONCAT_WS('-', s, 'x')", "coalesce(s || '-', '') || 'x'", TEXT),
    ("STARTS_WITH(s, 'a')", "substr(s, 1, 1) = 'a'", BOOL),
    ("STARTS_WITH(s, '')", "CASE WHEN s IS NOT NULL THEN 1 END", BOOL),
    ("ENDS_WITH(s, 'n')", "substr(s, -1) = 'n'", BOOL),
    *((f"LEFT(s, {n})", LEFT.format(n=n), TEXT) for n in (0, 1, 99, -1, -99, "n")),
    *((f"RIGHT(s, {n})", RIGHT.format(n=n), TEXT) for n in (0, 1, 99, -1, -99)),
    ("LEFT(s, NULL)", "NULL", TEXT),
    ("RIGHT(s, NULL)", "NULL", TEXT),
    ("RIGHT(LEFT(s, 2), 1)", "substr(substr(s, 1, 2), -1, 1)", TEXT),
    ("TRIM(BOTH 'a' FROM s)", "trim(s, 'a')", TEXT),
    ("TRIM(LEADING FROM s)", "ltrim(s)", TEXT),
    ("SUBSTRING(s FROM 2 FOR 2)", "substr(s, 2, 2)", TEXT),
    ("REGEXP_LIKE(s, '^a')", "s LIKE 'a%'", BOOL),
    ("s ~ 'n'", "s LIKE '%n%'", BOOL),
    ("EXTRACT(DAY FROM d) * 100", "strftime('%d', d) * 100", INT),
    ("EXTRACT(DOW FROM d)", "CAST(strftime('%w', d) AS INT)", INT),
    ("DATE_PART('month', d) * 100", "strftime('%m', d) * 100", INT),
    ("YEAR(d)", "CAST(strftime('%Y', d) AS INT)", INT),
    ("MONTH(d) - 13", "strftime('%m', d) - 13", INT),
    ("DAY(d)", "CAST(strftime('%d', d) AS INT)", INT),
    ("QUARTER(d)", "(strftime('%m', d) + 2) / 3", INT),
    ("HOUR(ts) * 100", "strftime('%H', ts) * 100", INT),
    ("NOW() > ts", "CURRENT_TIMESTAMP > ts", BOOL),
    ("CAST(b AS TEXT)", "CASE WHEN b THEN 'true' WHEN NOT b THEN 'false' END", TEXT),
    ("TRY_CAST(s AS INT)", "CASE WHEN trim(s) IN ('-7', '10') THEN CAST(trim(s) AS INT) END", INT),
    ("TRY_CAST(s AS DOUBLE)", "CASE WHEN trim(s) IN ('-7', '10') THEN CAST(trim(s) AS INT) END", DOUBLE),
    ("CAST(d AS TEXT)", "d", TEXT),
    ("CAST(CAST(ts AS DATE) AS TEXT)", "d", TEXT),
    ("n IS DISTINCT FROM m", "n IS NOT m", BOOL),
    ("n IS NOT DISTINCT FROM NULL", "n IS NULL", BOOL),
]
"""Functions with another name in SQLite, or only in other databases; PostgreSQL and DuckDB return these results."""


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA case_sensitive_like = ON")
        database.execute(f"CREATE TABLE rows ({', '.join(COLUMNS)})")
        rows = [tuple(str(cell) if isinstance(cell, dt.date) else cell for cell in row) for row in ROWS]
        database.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(COLUMNS))})", rows)
        yield database


@pytest.mark.parametrize(
    ("ours", "sql", "kind"),
    [*((text, text, kind) for text, kind in SAME), *OTHERWISE_WRITTEN],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_results_equal_those_of_sql(
    sqlite: sqlite3.Connection, ours: str, sql: str, kind: pa.DataType
) -> None:
    wanted = [row[0] for row in sqlite.execute(f"SELECT {sql} FROM rows ORDER BY rowid")]
    if kind == BOOL:
        wanted = [None if value is None else bool(value) for value in wanted]
    assert judged(ours, wanted, kind) == [True] * len(ROWS)


def judged(expression: str, wanted: list[Any], kind: pa.DataType) -> list[bool]:
    """Return for each row whether the result is the expected one, also for nulls."""
    values = {name: pa.array([row[i] for row in ROWS], COLUMNS[name]) for i, name in enumerate(COLUMNS)}
    batch = pa.record_batch(values | {"wanted": pa.array(wanted, kind)})
    condition = f"({expression}) IS NOT DISTINCT FROM wanted"
    return row_filter(condition, COLUMNS | {"wanted": kind}).keep(batch).to_pylist()


def test_the_comparison_sees_a_difference() -> None:
    assert set(judged("n", [0] * len(ROWS), INT)) == {True, False}


def test_every_function_is_compared() -> None:
    written = " ".join(text for text, *_ in [*SAME, *OTHERWISE_WRITTEN])
    assert set(re.findall(r"[A-Z_]+", written)) >= FUNCTIONS


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("REPLACE(s, '', 'x') = s", r"a text that is empty or not a literal.*: REPLACE\(Phone, '-', ''\)"),
        ("REPLACE(s, s, 'x') = s", "a text that is empty or not a literal"),
        ("REPLACE(s, NULL, 'x') = s", "a text that is empty or not a literal"),
        ("ROUND(f, -1) = 0", r"0, 1, 2 etc\. Write ROUND\(Spent / 10\) \* 10"),
        ("ROUND(f, n) = 0", "0, 1, 2 etc"),
        ("ROUND(f, 1.5) = 0", "0, 1, 2 etc"),
        ("SUBSTR(s, 0) = 'x'", r"before the first character.*RIGHT\(Phone, 4\)"),
        ("SUBSTR(s, -2) = 'x'", "before the first character"),
        ("SUBSTR(s, (-2), 1) = 'x'", "before the first character"),
        ("SUBSTRING(s FROM 0 FOR 2) = 'x'", "before the first character"),
        ("SUBSTRING(s, 1, -1) = 'x'", "negative length"),
        ("ts > TIMESTAMP '2026-01-01 00:00:00+02:00'", "a time with an offset.*UTC"),
        ("ts > TIMESTAMP '2026-01-01T00:00:00.5 -0330'", "a time with an offset.*UTC"),
        ("CAST(ts AS TIMESTAMP(3)) = ts", "TIMESTAMP with digits.*Write only TIMESTAMP"),
        ("CAST(f AS DECIMAL(39, 2)) = 1", "DECIMAL with invalid digits"),
        ("CAST(f AS DECIMAL(2, 3)) = 1", "DECIMAL with invalid digits"),
        ("CAST(f AS DECIMAL(x)) = 1", "DECIMAL with invalid digits"),
        ("RIGHT(s, n) = 'x'", r"Write SUBSTR\(Phone, LENGTH\(Phone\) - Digits \+ 1\)"),
        ("n / 0 > 1", "divides by zero"),
        ("MOD(n, -0.0) > 1", "divides by zero"),
        ("ROUND() = n", "cannot be parsed"),
        ("LEFT(s) = s", "cannot be parsed"),
        ("LEFT() = s", "cannot be parsed"),
    ],
)
def test_what_databases_treat_differently_is_rejected(condition: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        row_filter(condition, COLUMNS)


def test_a_computed_start_may_be_before_the_text() -> None:
    assert judged("SUBSTR(s, LENGTH(s) - 1)", [s and s[-2:] for s, *_ in ROWS], TEXT) == [True] * len(ROWS)


def test_columns_may_have_the_names_of_steps() -> None:
    columns = {"step 0": pa.string(), "step 0'": pa.int64(), "keep": pa.int64()}
    batch = pa.record_batch({"step 0": ["7", "8"], "step 0'": [7, 7], "keep": [1, 1]})
    condition = 'TRY_CAST("step 0" AS INT) = "step 0\'" AND keep = 1'
    assert row_filter(condition, columns).keep(batch).to_pylist() == [True, False]


def test_nested_calls_do_not_multiply() -> None:
    condition = parse_condition("LEFT(" * 15 + "s" + ", 2)" * 15 + " = 'x'")
    assert sum(len(step.operand) for step in condition.steps) < 1500
