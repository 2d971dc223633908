"""`where`: which rows pass, that columns are matched and checked, and that messages quote no value of the table."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from itertools import product
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.conditions.row_filter import row_filter
from customer_match.errors import ConfigurationError
from customer_match.export.yaml_document import read_document
from customer_match.project import PROJECT
from customer_match.tables.columns import Columns
from customer_match.tables.values import stream_type

NEW_YEAR = dt.datetime(2026, 1, 1)  # noqa: DTZ001 (what Arrow stores has no zone)
TABLE = pa.record_batch(
    {
        "Country": pa.array(["DE", None, "fr", ""]),
        "Score": pa.array([1, 2, None, 4], pa.int64()),
        "Text": pa.array(["1", "SECRET", None, "4"]),
        "Active": pa.array([True, False, None, True]),
        "Day": pa.array([dt.date(2026, 1, 1), None, dt.date(2025, 1, 1), dt.date(2027, 1, 1)]),
        "My Column": pa.array([1, 2, 3, 4], pa.int8()),
        "Seen": pa.array([NEW_YEAR, None] * 2, pa.timestamp("ms", "Europe/Berlin")),
        "Written": pa.array([NEW_YEAR, None] * 2, pa.timestamp("ns")),
        "Abroad": pa.array([NEW_YEAR, None] * 2, pa.timestamp("us", "+05:30")),
        "Mars": pa.array([NEW_YEAR, None] * 2, pa.timestamp("us", "Mars/Olympus")),
        "Spent": pa.array([Decimal("1.50"), None, Decimal("2.00"), None], pa.decimal128(10, 2)),
        "Nothing": pa.array([None] * 4, pa.string()),
    }
)
COLUMNS = dict(zip(TABLE.schema.names, TABLE.schema.types, strict=True)) | {
    "Tags": pa.list_(pa.string()),
    "Long": pa.decimal256(50, 2),
}

PASSING = [
    ("Country = 'DE'", [0]),
    ("country = 'DE'", [0]),
    ("COUNTRY = 'DE' OR Country = 'fr'", [0, 2]),
    ("Country <> 'DE'", [2, 3]),
    ("NOT Country = 'DE'", [2, 3]),
    ("Country NOT IN ('DE')", [2, 3]),
    ("Country NOT IN ('DE', NULL)", []),
    ("Country IN ('DE', NULL)", [0]),
    ("Country IS NULL", [1]),
    ("Country = NULL", []),
    ("Country IS DISTINCT FROM 'DE'", [1, 2, 3]),
    ("COALESCE(Country, 'x') <> 'DE'", [1, 2, 3]),
    ("LOWER(TRIM(Country)) IN ('de', 'fr') AND Score IS NULL", [2]),
    ("Country LIKE 'D_'", [0]),
    ("Country ILIKE 'd%'", [0]),
    ("Country NOT LIKE '%E'", [2, 3]),
    ("Score >= 2", [1, 3]),
    ("Score NOT BETWEEN 2 AND 3", [0, 3]),
    ("Score % 2 = 0 AND ABS(-Score) > 2", [3]),
    ("Score > 1.5 AND NOT Active", [1]),
    ("CASE WHEN Score > 1 THEN Active ELSE TRUE END", [0, 2, 3]),
    ("TRY_CAST(Text AS INTEGER) >= 1", [0, 3]),
    ("Active", [0, 3]),
    ("NOT COALESCE(Active, FALSE)", [1, 2]),
    ("COALESCE('DE', Country) = 'DE'", [0, 1, 2, 3]),
    ("Score / 2 > 0.5", [1, 3]),
    ("(Country IS DISTINCT FROM 'DE') AND Score = 2", [1]),
    ("Country <> 'x IS NOT TRUE' -- IS TRUE", [0, 2, 3]),
    ("Day >= DATE '2026-01-01'", [0, 3]),
    ("EXTRACT(YEAR FROM Day) = 2025", [2]),
    ("Day < CURRENT_DATE + INTERVAL '100000 days'", [0, 2, 3]),
    ('"my column" > 2 -- a comment', [2, 3]),
    ("Seen = TIMESTAMP '2026-01-01 00:00:00'", [0, 2]),
    ("Written >= TIMESTAMP '2026-01-01 00:00:00'", [0, 2]),
    ("Abroad = TIMESTAMP '2026-01-01 00:00:00' AND Mars < DATE '2026-01-02'", [0, 2]),
    ("Spent > 1.5", [2]),
    ("Nothing = 'x' OR Nothing IS NULL", [0, 1, 2, 3]),
    ("Score =\n 1\n  OR Score = 2", [0, 1]),
]


@pytest.mark.parametrize(("condition", "rows"), PASSING)
def test_only_matching_rows_pass(condition: str, rows: list[int]) -> None:
    kept = row_filter(condition, COLUMNS).keep(TABLE).to_pylist()
    assert [row for row, keep in enumerate(kept) if keep] == rows
    assert None not in kept


def test_only_the_columns_that_it_names_are_needed() -> None:
    found = row_filter("score > 1 AND SCORE < 9 AND country = 'DE'", COLUMNS)
    assert found.columns == ("Score", "Country")
    assert found.keep(TABLE.select(["Country", "Score"])).to_pylist() == [False] * 4


def test_columns_with_names_like_patterns_are_columns() -> None:
    columns = {"^S.*$": pa.int64(), "S1": pa.int64(), "*": pa.int64()}
    batch = pa.record_batch({"S1": [1, 2], "^S.*$": [9, 9], "*": [9, 9]})
    assert row_filter("s1 = 1", columns).keep(batch).to_pylist() == [True, False]
    with pytest.raises(ConfigurationError, match="cannot be evaluated row by row"):
        row_filter('"^S.*$" = 1', columns)


# --- Compared with SQLite, so that polars alone does not define what a condition means ------------------------

NUMBERS = st.sampled_from(["n", "m", "0", "1", "-1"])
TEXTS = st.sampled_from(["s", "t", "'DE'", "''", "'x'"])
TRUTHS = st.recursive(
    st.one_of(
        st.sampled_from(["b", "c", "s IS NULL", "n IS NOT NULL", "n IN (1, NULL)", "m NOT IN (0, 1)"]),
        st.builds("{} {} {}".format, NUMBERS, st.sampled_from(["=", "<>", "<", ">=", ">"]), NUMBERS),
        st.builds("{} {} {}".format, TEXTS, st.sampled_from(["=", "<>", "<", ">="]), TEXTS),
        st.builds("{} BETWEEN {} AND {}".format, NUMBERS, NUMBERS, NUMBERS),
        st.builds("COALESCE({}, {}) > {}".format, NUMBERS, NUMBERS, NUMBERS),
        st.builds("LOWER(TRIM({})) = 'de'".format, TEXTS),
        st.builds("{} || {} = 'DEDE'".format, TEXTS, TEXTS),
        st.builds(
            "{} {} {}".format,
            TEXTS,
            st.sampled_from(["LIKE", "NOT LIKE"]),
            st.sampled_from(["'D%'", "'%E'", "'_E'", "''", "'a_b'", "'D.'"]),
        ),
    ),
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(["AND", "OR"]), inner),
        st.builds("NOT {}".format, inner),
        st.builds("({})".format, inner),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, inner, inner, inner),
    ),
    max_leaves=6,
)
CELLS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "n": (pa.int64(), [None, -1, 0, 1]),
    "m": (pa.int8(), [None, 0, 1, 2]),
    "s": (pa.string(), [None, "DE", "de", "", "a_b"]),
    "t": (pa.string(), [None, "DE", " DE "]),
    "b": (pa.bool_(), [None, True, False]),
    "c": (pa.bool_(), [None, True, False]),
}
EVERY_ROW = list(product(*(cells for _, cells in CELLS.values())))
EVERYTHING = pa.record_batch(
    {name: pa.array([row[i] for row in EVERY_ROW], CELLS[name][0]) for i, name in enumerate(CELLS)}
)


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA case_sensitive_like = ON")
        database.execute(f"CREATE TABLE rows ({', '.join(CELLS)})")
        database.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", EVERY_ROW)
        yield database


@pytest.mark.slow
@settings(max_examples=60)
@given(condition=TRUTHS)
def test_a_condition_means_what_it_means_in_sql(sqlite: sqlite3.Connection, condition: str) -> None:
    condition = f"({condition}) AND (b OR NOT b OR b IS NULL)"  # true, and names a column
    wanted = [bool(row[0]) for row in sqlite.execute(f"SELECT {condition} FROM rows ORDER BY rowid")]
    found = row_filter(condition, {name: kind for name, (kind, _) in CELLS.items()})
    assert found.keep(EVERYTHING).to_pylist() == wanted


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.none() | st.integers(-3, 3), st.none() | st.sampled_from("ab"))),
    st.integers(-3, 3),
    st.integers(1, 4),
)
def test_a_row_is_judged_by_itself(rows: list[tuple[Any, Any]], limit: int, step: int) -> None:
    """Three-valued logic, and the same result however the rows are split into batches."""
    kinds = {"n": pa.int64(), "t": pa.string()}
    batch = pa.record_batch({k: pa.array([r[i] for r in rows], kinds[k]) for i, k in enumerate(kinds)})
    found = row_filter(f"n > {limit} OR t <> 'a'", kinds)
    wanted = [bool((n is not None and n > limit) or (t is not None and t != "a")) for n, t in rows]
    pieces = [found.keep(batch.slice(start, step)).to_pylist() for start in range(0, len(rows), step)]
    assert [keep for piece in pieces for keep in piece] == wanted


HELP = r".*It may compare columns by =, <>"
REFUSED = [
    ("Country = ", "at line 1, column 9: something is missing after it" + HELP),
    ("Country = 'DE", "at line 1, column 11: the closing ' is missing for what begins there" + HELP),
    ('"Country = 1', 'at line 1, column 1: the closing " is missing for what begins there'),
    ("/* Country = 1", "cannot be parsed"),
    ("(Score = 1", r"cannot be parsed at line 1, column 10: a \) is missing"),
    ("Score = 1)", r"cannot be parsed at line 1, column 10: \) is unexpected"),
    ("Score =\n1 x = 2", "cannot be parsed at line 2, column 5: = is unexpected"),
    ("Score = 1; DROP TABLE x", "cannot be parsed: it contains a semicolon"),
    ("Score = 1 -- x\n; SELECT 1", "semicolon"),
    ("foo(Score) = 1", "the function FOO"),
    ("(" * 500 + "Score = 1" + ")" * 500, "nested too deeply"),
    ("NOT " * 900 + "Active", "nested too deeply"),
    ("*", "cannot be evaluated row by row"),
    ("", "cannot be parsed: it is empty"),
    ("-- nothing", "it is empty"),
    ("1 = 1", "names no column"),
    ("NULL", "names no column"),
    ("Scor = 1", r"no column 'Scor'\. Did you mean 'Score'\?.*Correct `where`.*single quotes"),
    ('Country = "DE"', r"no column 'DE'.*write text in single quotes"),
    ("Score", "returns Int64 for each row, not true or false"),
    ("LOWER(Country)", "returns String for each row"),
    (
        "Score = 'a'",
        r"types that do not fit \(Score holds int64\).*Columns of CSV files are text: write TRY_CAST",
    ),
    ("Text > 1", r"types that do not fit \(Text holds string\)"),
    ("Day > '2026-01-01'", r"\(Day holds date32\[day\]\).*DATE '2026-01-31'"),
    ("Score IN (1, 'x')", "types that do not fit"),
    ("Tags = 'x'", "'Tags' holds list<item: string>, which `where` of the export file cannot compare"),
    ("Long > 1", r"'Long' holds decimal256\(50, 2\), which `where` of the export file cannot compare"),
    ("MAX(Score) = Score", "cannot be evaluated row by row.*the function MAX" + HELP),
    ("COUNT(*) > 1", "cannot be evaluated row by row"),
    ("FIRST(Score) = 1", "cannot be evaluated row by row"),
    ("ROW_NUMBER() OVER () < 5 AND Score > 1", "cannot be evaluated row by row"),
    ("SUM(Score) OVER (PARTITION BY Country) > 1", "cannot be evaluated row by row"),
    ("LAG(Score) OVER (ORDER BY Day) = 1", "cannot be evaluated row by row"),
    ("UNNEST(Score) = 1", "cannot be evaluated row by row"),
    ("STRPOS(Country, 'D') = 1", "cannot be evaluated row by row"),  # null is not null to it
    (
        "DATE(Text) > DATE '2026-01-01'",
        "cannot be evaluated row by row",
    ),  # guesses a format by the rows it sees
    ("Score IN (SELECT 1)", "sub-queries are not allowed"),
    ("Score IN (SELECT Id FROM t)", "is not supported: it reads another table, and sub-queries" + HELP),
    ("Score = 1 ORDER BY Score", "line 1, column 11: ORDER BY is unexpected" + HELP),
    ("Score.x = 1", "names joined by a dot"),
    ("Country ~ '['", "types that do not fit"),
    ("Active IS NOT TRUE", "IS TRUE or IS FALSE.*COALESCE"),
    ("NOT (Score > 1 IS /* here */ false)", "IS TRUE or IS FALSE.*COALESCE"),
    ("Active IS DISTINCT FROM TRUE AND Score = 1", r"Put brackets around.*\(Country IS DISTINCT FROM 'DE'\)"),
    ("Country LIKE '50\\%'", "backslash in a LIKE pattern"),
    ("Spent / Score > 1", "divides by a column.*Write a product"),
    ("Score % (Score - 1) = 0", "divides by a column"),
    (" OR ".join(f"Score = {number}" for number in range(3000)), "nested too deeply.*IN"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("condition", "message"), REFUSED)
def test_unusable_conditions_are_rejected(condition: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"(?s){message}"):
        row_filter(condition, COLUMNS)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "condition", ["CAST(Text AS INTEGER) > 1", "NOT Text", "CAST(Text AS DATE) > DATE '2026-01-01'"]
)
def test_the_message_does_not_quote_the_value(condition: str) -> None:
    found = row_filter(condition, COLUMNS)
    with pytest.raises(ConfigurationError, match="TRY_CAST, which returns null for such values") as raised:
        found.keep(TABLE)
    assert "SECRET" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.bad_input
def test_a_column_that_one_file_lacks() -> None:
    from customer_match.tables.columns import merge_columns

    columns = merge_columns({"a": {"Id": pa.int64(), "X": pa.int64()}, "b": {"Id": pa.int32()}})
    assert row_filter("id = 1", columns).columns == ("Id",)
    with pytest.raises(ConfigurationError, match=r"'X' is missing in b.*`where`"):
        row_filter("x = 1", columns)


def test_the_documented_conditions_are_conditions() -> None:
    page = (PROJECT / "docs" / "export-file.md").read_text(encoding="utf-8")
    written = re.findall(r"(?m)^where: .*$", page)
    assert len(written) >= 4
    columns = {
        "Country": pa.string(),
        "LastVisit": pa.date32(),
        "Loyalty tier": pa.string(),
    }
    for line in written:
        values = read_document(line.encode()).values
        assert values
        score = pa.string() if "TRY_CAST" in line else pa.int64()
        assert row_filter(str(values["where"]), columns | {"Score": score}).columns


@pytest.mark.parametrize("kind", [pa.float64(), pa.null(), pa.bool_(), pa.int32()], ids=str)
@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("Tier = 'gold'", [False, False]),
        ("LOWER(Tier) = 'gold' OR Id = 2", [False, True]),
        ("Tier IS NULL AND Id = 1", [True, False]),
        ("Tier > 5 OR COALESCE(Tier, 7) = 7", None),
    ],
)
def test_a_column_without_a_value_fits_every_condition(
    kind: pa.DataType, condition: str, kept: list[bool] | None
) -> None:
    columns = Columns({"Id": pa.int64(), "Tier": kind})
    columns.holds_nothing = lambda name: name == "Tier"
    batch = pa.record_batch({"Id": [1, 2], "Tier": pa.nulls(2, stream_type(kind))})
    found = row_filter(condition, columns).keep(batch).to_pylist()
    assert found == (kept or [True, True])
