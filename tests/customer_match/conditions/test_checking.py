"""What `where` may contain: nothing accepted has a table, a sub-query, or a function that is not listed."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import sqlglot
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from customer_match.conditions.checking import FUNCTIONS, UnusableCondition, parse_condition
from customer_match.conditions.row_filter import row_filter
from customer_match.export.loading import BrokenExport, load_files
from customer_match.project import PROJECT

COLUMNS = {"a": pa.string(), "n": pa.int64()}


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 (named by the base class)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/x.csv", paths
    server.shutdown()
    server.server_close()


READERS = [
    "read_csv",
    "read_parquet",
    "read_json",
    "read_ipc",
    "READ_CSV",
    '"read_csv"',
    "scan_csv",
    "read_ndjson",
]
SHAPES = [
    "n IN (SELECT n FROM {f})",
    "n = (SELECT MAX(n) FROM {f})",
    "n > 1 OR EXISTS (SELECT 1 FROM {f})",
    "n > 1 UNION SELECT n FROM {f}",
    "n > 1 AND n IN (FROM {f})",
    "n IN (TABLE {f})",
    "n IN (WITH x AS (SELECT * FROM {f}) SELECT n FROM x)",
    "n > 1; SELECT * FROM {f}",
    "n > 1 -- x\n UNION ALL SELECT n FROM {f}",
    "n > 1 /* ' */ OR n IN (SELECT n FROM {f}) /* ' */",
    "a = 'x\\' OR n IN (SELECT n FROM {f}) -- '",
    "a = E'x\\' OR n IN (SELECT n FROM {f}) -- '",
    "n > 1 GROUP BY n HAVING n IN (SELECT n FROM {f})",
    "n > 1 ORDER BY (SELECT n FROM {f})",
    "n > 1 LIMIT (SELECT 1 FROM {f})",
    "{f} IS NOT NULL AND n > 1",
    "n = {f}",
    "n IN {f}",
    "n IN UNNEST({f})",
    "COALESCE(n, {f}) = 1",
    "CASE WHEN n IN (SELECT n FROM {f}) THEN TRUE END",
    "CAST({f} AS INT) = n",
    "LOWER((SELECT a FROM {f})) = a",
    "n BETWEEN 1 AND (SELECT 1 FROM {f})",
    "SUBSTRING(a FROM (SELECT 1 FROM {f}) FOR 1) = 'x'",
    "TRIM(BOTH (SELECT a FROM {f}) FROM a) = 'x'",
    "EXTRACT(YEAR FROM (SELECT a FROM {f})) = n",
    "n > ALL (SELECT n FROM {f})",
    "a LIKE ANY (SELECT a FROM {f})",
    "(n, n) IN (SELECT n, n FROM {f})",
    "n > 1 QUALIFY ROW_NUMBER() OVER (PARTITION BY (SELECT 1 FROM {f})) = 1",
    "x.{f} = n",
]


@pytest.mark.bad_input
@pytest.mark.parametrize("shape", SHAPES)
def test_no_function_opens_a_file_or_an_address(
    shape: str, asked: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, paths = asked
    for reader in READERS:
        for place in (url, str(tmp_path / "missing.csv")):
            condition = shape.format(f=f"{reader}('{place}')")
            with pytest.raises(UnusableCondition) as caught:
                row_filter(condition, COLUMNS)
            assert "Traceback" not in str(caught.value)
    assert paths == []


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "condition",
    [
        *(
            "a.b = 1",
            "t.* = 1",
            "n.a.b = 1",
            "*",
            "COLUMNS('n') = 1",
            "COLUMNS(*) = 1",
            "n = *",
            '"^n$" = 1',
            '"*" = 1',
        ),
        *(
            "n = ?",
            "n = :x",
            "n = @x",
            "n = $1",
            "n = ${{x}}",
            "n[1] = 1",
            "n = [1]",
            "n = ARRAY[1]",
            "n = {{'x': 1}}",
        ),
        *("n = (1, 2)", "n = ROW(1)", "n AS x = 1", "n = 1 x", "n COLLATE x = 1", "n AT TIME ZONE 'UTC' = n"),
        *(
            "n = CURRENT_USER",
            "n = SESSION_USER",
            "n = VERSION()",
            "a = GETENV('PATH')",
            "n = RANDOM()",
            "n = RAND()",
        ),
        *(
            "pl.read_csv('x') = n",
            "main.abs(n) = 1",
            '"main"."read_csv"(\'x\') = n',
            "n.abs() = 1",
            "(n).x = 1",
        ),
        *(
            "n -> 'x' = 1",
            "n ->> 'x' = 1",
            "n #> 'x' = 1",
            "CAST(n AS STRUCT(a INT)) = 1",
            "CAST(n AS INT[]) = n",
        ),
        *(
            "SUM(n) FILTER (WHERE n > 1) = 1",
            "ABS(n) OVER () = 1",
            "ABS(DISTINCT n) = 1",
            "ABS(n ORDER BY n) = 1",
        ),
        *(
            "LOWER(a := 'x') = a",
            "LOWER(x -> a) = a",
            "NEXT VALUE FOR x = n",
            "n = ANY (VALUES (1))",
            "SELECT 1",
        ),
        *(
            "DROP TABLE x",
            "SET n = 1",
            "COPY x TO 'y'",
            "SHOW TABLES",
            "EXPLAIN n",
            "DESCRIBE x",
            "VALUES (1)",
            "FROM x",
        ),
        *(
            "CALL x(n)",
            "ATTACH 'x' AS n",
            "INSTALL x",
            "PRAGMA n",
            "n > 1 INTO OUTFILE 'x'",
            "TABLE x",
            "@n = 1",
        ),
        *(
            "a = $$x$$",
            "a = X'44'",
            "a = B'1'",
            "a = N'x'",
            "a = U&'x'",
            "`a` = 'x'",
            "[a] = 'x'",
            "a = 'x",
            'a = "x',
        ),
    ],
)
def test_unlisted_syntax_is_rejected(condition: str) -> None:
    with pytest.raises(UnusableCondition):
        parse_condition(condition)


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ('"a.b" = 1', ("a.b",)),
        ('"SELECT" = 1', ("SELECT",)),
        ("\"read_csv('x')\" = 1", ("read_csv('x')",)),
        ("a = 'read_csv(''x'')'", ("a",)),
        ("a = 'SELECT * FROM t' -- read_csv('x')", ("a",)),
        ("read_csv = 1", ("read_csv",)),
        ('b > 1 OR "a" = b OR A = 1', ("b", "a", "A")),
    ],
)
def test_names_and_texts_are_not_code(condition: str, columns: tuple[str, ...]) -> None:
    assert parse_condition(condition).columns == columns


def test_comments_are_dropped() -> None:
    assert (
        parse_condition("n > 1 -- secret\n AND /* more */ a = '-- no comment'").sql
        == '"n" > 1 AND "a" = \'-- no comment\''
    )


# --- Arbitrary user input --------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        *(
            "a",
            "n",
            '"a b"',
            "'x'",
            "''",
            "'it''s'",
            "1",
            "1.5",
            "NULL",
            "TRUE",
            "*",
            "t.*",
            "x.n",
            "'",
            '"',
            "`",
            "$$",
        ),
        *(
            "(",
            ")",
            "(",
            ")",
            ",",
            ";",
            "--",
            "/*",
            "*/",
            "\n",
            "[",
            "]",
            "{",
            "}",
            ":",
            "::",
            "?",
            "@",
            "\\",
            ".",
        ),
        *(
            "=",
            "<>",
            "<",
            ">=",
            "+",
            "-",
            "/",
            "%",
            "||",
            "~",
            "->",
            "AND",
            "OR",
            "NOT",
            "IN",
            "IS",
            "LIKE",
            "BETWEEN",
        ),
        *(
            "CASE",
            "WHEN",
            "THEN",
            "ELSE",
            "END",
            "CAST",
            "TRY_CAST",
            "AS",
            "INT",
            "DATE",
            "INTERVAL",
            "EXTRACT",
            "YEAR",
        ),
        *(
            "SELECT",
            "FROM",
            "t",
            "WITH",
            "TABLE",
            "VALUES",
            "UNION",
            "EXISTS",
            "ANY",
            "ALL",
            "UNNEST",
            "LATERAL",
            "OVER",
        ),
        *(
            "ABS",
            "LOWER",
            "COALESCE",
            "TRIM",
            "SUBSTRING",
            "MAX",
            "COUNT",
            "COLUMNS",
            "read_csv",
            "READ_PARQUET",
            "foo",
        ),
        *(
            "DISTINCT",
            "ORDER",
            "BY",
            "FILTER",
            "WHERE",
            "GROUP",
            "LIMIT",
            "ARRAY",
            "ROW",
            "COLLATE",
            "E'",
            "X'",
            "GLOB",
        ),
    ]
)


def kinds(node: Any) -> set[str]:
    """Kinds of nodes in the expression that polars made from a condition."""
    if (
        isinstance(node, dict)
        and len(node) == 1
        and next(iter(node)) in {"SubPlan", "Window", "Agg", "Selector"}
    ):
        return {next(iter(node))}
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {kind for value in inner for kind in kinds(value)}


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(WORDS, min_size=1, max_size=14).map(" ".join) | st.lists(WORDS, max_size=8).map("".join))
@example("n IN ( SELECT n FROM t )")
@example("ABS ( n ) = 1")
def test_accepted_conditions_contain_only_listed_syntax(text: str) -> None:
    """Checked with parsers other than the one that accepted it: DuckDB's SQL, and polars itself."""
    try:
        condition = parse_condition(text)
    except UnusableCondition:
        return
    for sql in (condition.sql, *(step.operand for step in condition.steps)):
        check_what_polars_gets(sql)


def check_what_polars_gets(sql: str) -> None:
    (tree,) = sqlglot.parse(sql, dialect="duckdb")
    assert tree is not None
    assert not list(
        tree.find_all(exp.Query, exp.Table, exp.From, exp.Exists, exp.Window, exp.Star, exp.Command)
    )
    called = {str(call.name).upper() for call in tree.find_all(exp.Anonymous)}
    assert called <= FUNCTIONS
    assert ";" not in sql.replace("';'", "")
    try:
        expression = pl.sql_expr(sql)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return
    assert kinds(json.loads(expression.meta.serialize(format="json"))) == set()


def test_a_column_named_as_a_word_of_sql_is_a_column() -> None:
    assert parse_condition("ROW < a").sql == '"ROW" < "a"'


def test_an_error_of_the_parser_itself_is_our_own_error() -> None:
    with pytest.raises(UnusableCondition, match=r"cannot be parsed\. It may compare"):
        parse_condition("{:}")


@pytest.mark.slow
@settings(max_examples=200)
@given(st.text(alphabet=st.sampled_from("an1='\"()*;-/\\ \n.,$SELECTFROM{}[]:"), max_size=40))
def test_any_text_is_accepted_or_rejected_by_our_own_error(text: str) -> None:
    with contextlib.suppress(UnusableCondition):
        parse_condition(text)


WORKING = [
    *(
        "ABS(n) = 1",
        "CEIL(n) = 1",
        "CEILING(n) = 1",
        "DIV(n, 2) = 1",
        "FLOOR(n) = 1",
        "MOD(n, 2) = 1",
        "ROUND(n, 1) = 1",
    ),
    *(
        "COALESCE(n, 1) = 1",
        "GREATEST(n, 1) = 1",
        "IF(n = 1, TRUE, n = 2)",
        "IFNULL(n, 1) = 1",
        "LEAST(n, 1) = 1",
    ),
    *(
        "NULLIF(n, 1) = 1",
        "BIT_LENGTH(a) = 1",
        "CHAR_LENGTH(a) = 1",
        "CHARACTER_LENGTH(a) = 1",
        "CONCAT(a, 'x') = a",
    ),
    *(
        "CONCAT_WS('-', a, 'x') = a",
        "ENDS_WITH(a, 'x')",
        "LEFT(a, 1) = a",
        "LENGTH(a) = 1",
        "LOWER(a) = a",
        "LTRIM(a) = a",
    ),
    *(
        "OCTET_LENGTH(a) = 1",
        "REGEXP_LIKE(a, 'x')",
        "REPLACE(a, 'x', 'y') = a",
        "RIGHT(a, 1) = a",
        "RTRIM(a) = a",
    ),
    *("STARTS_WITH(a, 'x')", "SUBSTR(a, 1, 1) = a", "SUBSTRING(a, 1, 1) = a", "TRIM(a) = a", "UPPER(a) = a"),
    *(
        "CURRENT_DATE > d",
        "CURRENT_TIMESTAMP > d",
        "DATE_PART('year', d) = n",
        "DAY(d) = n",
        "EXTRACT(DAY FROM d) = n",
    ),
    *("HOUR(d) = n", "MONTH(d) = n", "NOW() > d", "QUARTER(d) = n", "YEAR(d) = n", "CAST(n AS DOUBLE) = 1"),
    "TRY_CAST(a AS INT) = n",
]


def test_every_allowed_function_works_and_is_documented() -> None:
    page = (PROJECT / "docs" / "export-file.md").read_text(encoding="utf-8")
    assert [name for name in sorted(FUNCTIONS) if f"`{name}`" not in page] == []
    assert {re.match(r"[A-Z_]+", condition)[0] for condition in WORKING} == FUNCTIONS  # type: ignore[index]
    for condition in WORKING:
        assert row_filter(condition, COLUMNS | {"d": pa.timestamp("us")}).columns


# --- In export files --------------------------------------------------------------------------------------------

EXPORT = """
cid: "190000001"
aid: "180000001"
source: {{root: {root}}}
segments: [vip]
email: Email
where: {where}
"""


@pytest.mark.bad_input
def test_a_file_with_a_bad_condition_spoils_no_other(tmp_path: Path, asked: tuple[str, list[str]]) -> None:
    url, paths = asked
    bad = {
        "reader": json.dumps(f"Score IN (SELECT n FROM read_csv('{url}'))"),
        "missing": json.dumps("Score IN (SELECT n FROM read_csv('/nowhere/at/all.csv'))"),
        "syntax": json.dumps("Score >\n 1 AND AND 2"),
        "deep": json.dumps("(" * 900 + "Score" + ")" * 900),
    }
    for name, where in {"good": "Score > 1", **bad}.items():
        (tmp_path / f"{name}.yaml").write_text(EXPORT.format(root="lake", where=where))
    loaded = {one.name: one for one in load_files(sorted(tmp_path.glob("*.yaml")), parse_conditions=True)}
    broken = {name: one.error_message for name, one in loaded.items() if isinstance(one, BrokenExport)}
    assert set(broken) == set(bad)
    assert "reader.yaml, line 7, where: is not supported: it reads another table" in broken["reader"]
    assert "syntax.yaml, line 7, where: cannot be parsed at line 2, column 8" in broken["syntax"]
    assert paths == []
