import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.tables.csv.quotes import MisplacedQuoteError, QuoteCheck


def checked(text: str, size: int = -1, escape: str | None = None, delimiter: str = ",") -> QuoteCheck:
    check, read = QuoteCheck(io.BytesIO(text.encode()), delimiter, '"', escape), b""
    while more := check.read(size if size > 0 else 1_000):
        read += more
    assert read == text.encode()
    return check


@given(
    rows=st.lists(st.lists(st.text(st.sampled_from('a"\n\r,;'), max_size=4), min_size=1), min_size=1),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 9),
)
def test_what_python_writes_is_right(rows: list[list[str]], quoting: int, line_end: str, size: int) -> None:
    file = io.StringIO()
    csv.writer(file, quoting=quoting, lineterminator=line_end).writerows(rows)  # type: ignore[arg-type]
    assert not checked(file.getvalue(), size).is_open


@given(
    rows=st.lists(st.lists(st.text(st.sampled_from('a"\n\r,é'), max_size=4), min_size=1), min_size=1),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 30),
)
def test_it_tells_where_rows_end(rows: list[list[str]], quoting: int, line_end: str, size: int) -> None:
    file = io.StringIO()
    csv.writer(file, quoting=quoting, lineterminator=line_end).writerows(rows)  # type: ignore[arg-type]
    check, parts, rest = QuoteCheck(io.BytesIO(file.getvalue().encode()), ",", '"'), [], b""
    while content := check.read(size):
        assert 0 <= check.row_end <= len(content)
        parts.append(rest + content[: check.row_end] if check.row_end else b"")
        rest = content[check.row_end :] if check.row_end else rest + content
    assert not rest.strip(b"\n")
    assert [row for part in parts for row in parsed(part.decode())] == parsed(file.getvalue())


def parsed(text: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row]


@pytest.mark.parametrize(
    ("text", "end"),
    [("a\nb\nc", 4), ("a,b", 0), ('"a\nb', 0), ('x\n"a\nb', 2), ('"a\nb"\r', 6), ('"' + "\n" * 9_000, 0)],
)
def test_the_end_of_the_last_row(text: str, end: int) -> None:
    check = QuoteCheck(io.BytesIO(text.encode()), ",", '"')
    check.read(10_000)
    assert check.row_end == end


def test_an_escaped_line_end_ends_no_row() -> None:
    check = QuoteCheck(io.BytesIO(b"a\nb\\\nc"), ",", None, "\\")
    check.read(10_000)
    assert check.row_end == 2


@given(
    rows=st.lists(st.lists(st.text(st.sampled_from('a"\\\n,'), max_size=4), min_size=1), min_size=1),
    size=st.integers(1, 9),
)
def test_what_is_written_with_escapes_is_right(rows: list[list[str]], size: int) -> None:
    escaped = [[value.replace("\\", r"\\").replace('"', r"\"") for value in row] for row in rows]
    text = "".join(",".join(f'"{value}"' for value in row) + "\n" for row in escaped)
    assert not checked(text, size, "\\").is_open


@pytest.mark.parametrize("size", [-1, 3, 1])
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('a,5" disk,b\n', 3),
        ('a,"5" disk",b\n', 4),
        ('1,"hello,a\n2,b,b\n3,"bye,c\n', 19),
        ('"a" ,b\n', 2),
        ('a, "b"\n', 3),
        ('"Id"x', 3),
        ('"a"x"\n', 2),
    ],
)
@pytest.mark.bad_input
def test_a_mark_inside_of_a_value_is_told_by_its_place(text: str, place: int, size: int) -> None:
    with pytest.raises(MisplacedQuoteError) as raised:
        checked(text, max(size, 3) if size > 0 else size)
    assert raised.value.offset == place


@pytest.mark.parametrize("text", ['a,"b\n', '"', '"a""\n'])
@pytest.mark.bad_input
def test_a_mark_that_stays_open(text: str) -> None:
    assert checked(text).is_open
