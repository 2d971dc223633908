"""YAML to values with lines: the core schema, and the messages for broken YAML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.export.yaml_document import MAX_BYTES, key_text, read_document


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("No", "No"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("+5", 5),
        ("-1", -1),
        ("500_000", 500_000),
        ("0123", "0123"),
        ("12:30", "12:30"),
        ("0x1F", "0x1F"),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        (".nan", ".nan"),
        ("2026-01-01", "2026-01-01"),
        ("'1'", "1"),
        ('"null"', "null"),
        ("Gold*", "Gold*"),
    ],
)
def test_values_are_those_of_the_core_schema(written: str, value: object) -> None:
    read = read_document(f"key: {written}".encode()).values
    assert read == {"key": value}
    assert read is not None
    assert type(read["key"]) is type(value)


def test_every_value_has_its_line() -> None:
    document = read_document(b"a: 1\n\nlist:\n  - x\n  -\n    b: 2\n\n    c: {d: 3,\n      e: 4}\n")
    assert document.values == {"a": 1, "list": ["x", {"b": 2, "c": {"d": 3, "e": 4}}]}
    assert document.lines == {
        ("a",): 1,
        ("list",): 3,
        ("list", 0): 4,
        ("list", 1): 6,
        ("list", 1, "b"): 6,
        ("list", 1, "c"): 8,
        ("list", 1, "c", "d"): 8,
        ("list", 1, "c", "e"): 9,
    }
    assert document.line(("list", 1, "missing", "x")) == 6
    assert document.line(("nothing",)) is None


def test_a_byte_order_mark_and_windows_lines_do_no_harm() -> None:
    document = read_document(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert document.values == {"a": 1, "b": 2}
    assert document.lines["b",] == 2


@pytest.mark.slow
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("raw", "line", "said"),
    [
        (b"", None, "empty"),
        (b"# only a comment\n", None, "empty"),
        (b"- a\n- b", 1, "not a mapping"),
        (b"just text", 1, "not a mapping"),
        (b"a: 1\nb:\n\tc: 1", 3, "a tab"),
        (b"a: 1\nb: @daily", 2, "not YAML: the value of `b` starts with a character"),
        (b"a:\n  - c-d: @daily", 2, "the value of `c-d` starts with a character"),
        (b"a:\n  - @daily", 2, "not YAML: a value starts with a character"),
        (b"a: 1\nb: * 5 * * *", 2, "the value of `b` starts with `*`"),
        (b"a: 1\nb: *Gold", 2, "Put the value in quotes"),
        (b"a: &x 1\nb: *x", 2, "Put the value in quotes"),
        (b"a: 1\nb: [x,\n  y\nc: 2", 2, "not closed"),
        (b"a: 1\nb: 'x\nc: 2\n", 2, "not closed"),
        (b"a: 1\nb\nc: d", 2, "not `key: value`"),
        (b"a: 1\nb: >x\nc: d", 2, "on the next line"),
        (b"a: 1\nb: c: d", 2, "a second `: ` on one line"),
        (
            b"cid: 1\n aid: 2",
            2,
            "not YAML: a line that is not indented like the lines around it. Use the same",
        ),
        (b"a:\n  - Gold\n   b: c", 3, "not YAML: a line that is not indented like the lines around it."),
        (
            "ä: all\r\n   b: c\r\n".encode(),
            2,
            "not YAML: a line that is not indented like the lines around it.",
        ),
        (b"a: 1\n---\nb: 1", 2, "one export per file"),
        (b'a: 1\nb: "\\q"', 2, "backslash"),
        (b"  a: 1\n b: 2", 2, "Indent it like"),
        (b"a: 1\nb: \xff", 2, "UTF-8"),
        ("a: ü".encode("utf-16"), 1, "UTF-8"),
        (b"a: \x00", None, "control characters"),
        (b"a: " + b"[" * 5000, None, "nested"),
        (b"a" * (MAX_BYTES + 1), None, "larger than"),
    ],
)
def test_unreadable_files_say_where_and_why(raw: bytes, line: int | None, said: str) -> None:
    document = read_document(raw)
    assert document.values is None
    (problem,) = document.problems
    assert problem.line == line
    assert said in problem.message


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("raw", "line", "key", "said"),
    [
        (b"a: 1\nb: 2\na: 3", 3, "a", "duplicate of the key in line 1"),
        (b"x:\n  b: 2\n  b: 3", 3, "x.b", "duplicate of the key in line 2"),
        (b"a: 1\n2: 3", 2, "", "key must be text"),
        (b"a: 1\n[x]: 3", 2, "", "key must be text"),
        (b"a: !!python/object:os.system x", 1, "a", "YAML tag"),
        (b"a: !secret x", 1, "a", "YAML tag"),
        (b"a: !!int x", 1, "a", "number"),
        (b"a: " + b"9" * 5000, 1, "a", "number"),
    ],
)
def test_readable_files_with_wrong_yaml_keep_the_rest(raw: bytes, line: int, key: str, said: str) -> None:
    document = read_document(raw)
    assert document.values is not None
    (problem,) = document.problems
    assert (problem.line, problem.key) == (line, key)
    assert said in problem.message


def test_no_message_repeats_the_line() -> None:
    for raw in (b"password: 'hunter2\n", b"password: hunter2: x", b"a: [hunter2", b"a: !!int hunter2"):
        assert not any("hunter2" in problem.message for problem in read_document(raw).problems)


def test_paths_are_written_like_keys() -> None:
    assert key_text(("segments", 1, "audience")) == "segments[1].audience"
    assert key_text(("jane@example.com",)) == "…"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_raises(raw: bytes) -> None:
    document = read_document(raw)
    assert (document.values is None) <= bool(document.problems)
