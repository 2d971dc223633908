import gzip
import threading
import time
import traceback
import tracemalloc
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from customer_match.errors import ConfigurationError
from customer_match.storage.files import Input
from customer_match.tables.csv.dialect import CsvDialect
from customer_match.tables.csv.streams import BLOCK_BYTES
from customer_match.tables.csv.table import CsvTable
from customer_match.tables.listing import list_files
from customer_match.tables.opening import open_table

LOCAL = LocalFileSystem()


def write(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def emails(path: str, column: str = "Email") -> list[str | None]:
    return [v for b in open_table(LOCAL, path).batches([column]) for v in b.column(column).to_pylist()]


def test_facts_come_from_the_header(tmp_path: Path) -> None:
    table = open_table(LOCAL, write(tmp_path / "a.csv", "Id,Email\n1,x\n"))
    assert dict(table.columns()) == {"Id": pa.string(), "Email": pa.string()}
    assert table.profiles() is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    rows = [["Id", "Name", "Email"], ["1", '"a,b;c|d"', "x"], ["2", "é", "y"]]
    path = write(tmp_path / "a.csv", "\r\n".join(delimiter.join(row) for row in rows))
    assert emails(path) == ["x", "y"]


def test_a_single_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert emails(write(tmp_path / "a.csv", "Email\nx\ny")) == ["x", "y"]


def test_each_file_may_have_its_own_order_and_delimiter(tmp_path: Path) -> None:
    write(tmp_path / "t/a.csv", "Id,Email\n1,x\n")
    write(tmp_path / "t/b.csv", "Email;Id\ny;2\n")
    assert emails(str(tmp_path / "t")) == ["x", "y"]


def test_a_byte_order_mark_is_not_part_of_the_name(tmp_path: Path) -> None:
    assert emails(write(tmp_path / "a.csv", "\ufeffEmail,Id\nx,1\n")) == ["x"]


@pytest.mark.parametrize("marks", [1, 2, 3])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("header", ["Email,Id", '"Email","Id"'])
def test_byte_order_marks_are_passed_over(tmp_path: Path, header: str, encoding: str, marks: int) -> None:
    content = ("\ufeff" * marks + f"{header}\nx,1\n").encode(encoding)
    assert emails(write(tmp_path / "a.csv", content)) == ["x"]


def test_a_member_that_is_only_a_byte_order_mark_is_not_the_end(tmp_path: Path) -> None:
    packed = b"".join(gzip.compress(part) for part in (b"\xef\xbb\xbf", b'"Em', b'ail"\n', b"x\n"))
    assert emails(write(tmp_path / "a.csv.gz", packed)) == ["x"]


def test_rows_go_over_many_small_members(tmp_path: Path) -> None:
    note = "n" * 9_000
    content = f"Note,Email\n{note},x\n{note},y\n".encode()
    members = [gzip.compress(content[place : place + 1_000]) for place in range(0, len(content), 1_000)]
    assert emails(write(tmp_path / "a.csv.gz", b"".join(members))) == ["x", "y"]


def test_a_header_of_a_whole_block_hides_no_row(tmp_path: Path) -> None:
    header = "n" * (BLOCK_BYTES - 3) + ",Email"
    assert emails(write(tmp_path / "a.csv", f"{header}\n1,x\n2,y\n")) == ["x", "y"]


def test_names_may_fill_more_than_the_first_look(tmp_path: Path) -> None:
    names = [f"{number:05}{'n' * 95}" for number in range(4_000)]
    path = write(tmp_path / "a.csv", ",".join([*names, "Email"]) + "\n" + "," * 4_000 + "x\n")
    assert len(open_table(LOCAL, path).columns()) == 4_001
    assert emails(path) == ["x"]


def test_a_row_that_the_first_look_cuts_says_nothing_of_the_delimiter(tmp_path: Path) -> None:
    rows = "".join(f"{'n' * 14_000},{number}\n" for number in range(30))
    assert len(emails(write(tmp_path / "a.csv", f"a;b;c,Email\n{rows}"))) == 30


def test_a_name_that_begins_like_an_archive_is_a_name(tmp_path: Path) -> None:
    assert emails(write(tmp_path / "a.csv", "BZhour,Email\n1,x\n")) == ["x"]


def test_a_block_may_begin_with_what_looks_like_a_byte_order_mark(tmp_path: Path) -> None:
    content = "Email,Note\n" + f"\ufeffx,{'n' * 90}\n" * 30_000
    assert emails(write(tmp_path / "a.csv", content)) == ["\ufeffx"] * 30_000


def test_blocks_without_any_row(tmp_path: Path) -> None:
    blank = "\n" * (3 * BLOCK_BYTES)
    assert emails(write(tmp_path / "a.csv", f"Email\nx\n{blank}y\n{blank}")) == ["x", "y"]


@pytest.mark.parametrize("before", [0, 1, BLOCK_BYTES // 2, BLOCK_BYTES - 1])
def test_a_row_may_fill_a_block_wherever_it_begins(tmp_path: Path, before: int) -> None:
    head, row = "Email,Note\n", f"x,{'n' * (BLOCK_BYTES - 3)}\n"
    content = head + "\n" * max(before - len(head), 0) + row + "y,\n"
    assert emails(write(tmp_path / "a.csv", content)) == ["x", "y"]


def test_all_is_read_in_the_thread_that_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of pyarrow that calls Python while the process ends aborts it."""
    threads = set()
    read = Input.read

    def recording(self: Input, size: int | None = -1) -> bytes:
        threads.add(threading.get_ident())
        return read(self, size)

    path = write(tmp_path / "a.csv", "Email\n" + '"x"\n' * 1_000_000)
    table = open_table(LOCAL, path)
    table.columns()
    monkeypatch.setattr(Input, "read", recording)
    assert sum(batch.num_rows for batch in table.batches(["Email"])) == 1_000_000
    assert threads == {threading.get_ident()}


def test_the_next_files_are_fetched_while_one_is_read() -> None:
    asked, lake = Counter[str](), MemoryFileSystem()
    for name in "abcdefghijk":
        lake.pipe_file(f"/fetched/{name}.csv", b"Email\n" + b"x\n" * 1_000)
    table = open_table(lake, "/fetched")
    table.columns()
    fetch = lake.cat_file
    lake.cat_file = lambda path, **span: asked.update([path[-5:]]) or fetch(path, **span)
    try:
        batches = table.batches(["Email"])
        next(batches)
        deadline = time.monotonic() + 30
        while len(asked) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert asked == {f"{name}.csv": 1 for name in "abcdefgh"}
        assert sum(batch.num_rows for batch in batches) == 10_000
        assert asked == {f"{name}.csv": 1 for name in "abcdefghijk"}
    finally:
        del lake.cat_file
        lake.rm("/fetched", recursive=True)


def test_values_stay_the_text_that_they_are(tmp_path: Path) -> None:
    values = ["n/a", "NULL", "nan", "", "007", "1e5", "true", "2026-01-01", " x ", "ä\u00a0"]
    path = write(tmp_path / "a.csv", "Id,Email\n" + "".join(f"1,{value}\n" for value in values))
    assert emails(path) == values


def test_quoted_values_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'Id,"Email"\n1,"a,b"\n2,"a ""b"""\n3,"a\r\nb"\n')
    assert emails(path) == ["a,b", 'a "b"', "a\r\nb"]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert emails(write(tmp_path / "a.csv", "\n\nId,Email\n\n1,x\n\n\n")) == ["x"]


@pytest.mark.parametrize("header", ["Id,Email", "Id,Email\n", "\ufeffId,Email\r\n\r\n"])
def test_a_header_alone_is_an_empty_table(tmp_path: Path, header: str) -> None:
    assert emails(write(tmp_path / "a.csv", header)) == []


def test_batches_are_no_longer_than_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Email\n" + "".join(f"{i}\n" for i in range(1000)))
    batches = list(open_table(LOCAL, path).batches(["Email"], batch_rows=300))
    assert [batch.num_rows for batch in batches] == [300, 300, 300, 100]


@pytest.mark.slow
def test_memory_is_that_of_some_blocks_however_large_the_table(tmp_path: Path) -> None:
    row = f"1,{'e' * 30}@{'e' * 30}.example,{'n' * 100}\n"
    path = write(tmp_path / "a.csv", "Id,Email,Note\n" + row * 600_000)
    table = open_table(LOCAL, path)
    pool, default = pa.proxy_memory_pool(pa.system_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        for batch in table.batches(["Email"]):
            del batch
        peak = int(pool.max_memory()) + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(default)
    assert 2**20 < peak < 16 * 2**20 < table.files[0].size_bytes / 5


class TestDialect:
    """What is known of a file before it is opened."""

    def values(self, path: str, dialect: CsvDialect, column: str = "Email") -> list[str]:
        (file,) = list_files(LOCAL, path).files
        table = CsvTable(LOCAL, path, (file,), dialect)
        return [v for b in table.batches([column]) for v in b.column(column).to_pylist()]

    @pytest.mark.parametrize("first", ["", "Id,Email\n", "\ufeffid, EMAIL \n", '\n"Id","Email"\n'])
    def test_names_count_by_position_and_are_no_row(self, tmp_path: Path, first: str) -> None:
        path = write(tmp_path / "a.csv", first + '1,x\n2,"a\nb"\n')
        assert self.values(path, CsvDialect(names=("Id", "Email"))) == ["x", "a\nb"]

    def test_without_a_header_the_first_row_is_data_even_where_it_holds_addresses(
        self, tmp_path: Path
    ) -> None:
        path = write(tmp_path / "a.csv", "1,x@example.org\n2,y\n")
        assert self.values(path, CsvDialect(names=("Id", "Email"))) == ["x@example.org", "y"]

    def test_a_delimiter_that_is_told_is_not_looked_for(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "Id,Name,x;Email\n1,2,3;y\n")
        assert self.values(path, CsvDialect(delimiter=";")) == ["y"]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252", "shift_jis"])
    def test_other_encodings_are_read_as_told(self, tmp_path: Path, encoding: str) -> None:
        emails = ["\u00fc" if encoding in ("latin-1", "cp1252") else "\u65e5"] * 300_000
        text = "Id,Email\n" + "".join(f"1,{email}\n" for email in emails)
        path = write(tmp_path / "a.csv", text.encode(encoding))
        assert self.values(path, CsvDialect(encoding=encoding)) == emails

    @pytest.mark.parametrize("size", [200_000, 900_000])
    def test_a_first_row_may_be_long(self, tmp_path: Path, size: int) -> None:
        path = write(tmp_path / "a.csv", f"{'n' * size},x\n1,y\n")
        assert self.values(path, CsvDialect(header=False), "2") == ["x", "y"]

    def test_escaped_line_breaks_may_fall_between_blocks(self, tmp_path: Path) -> None:
        note = "n" * 999 + "\\\n"
        path = write(tmp_path / "a.csv", "Note,Email\n" + "".join(f"{note},{i}\n" for i in range(2_000)))
        dialect = CsvDialect(quote=None, escape="\\")
        assert self.values(path, dialect) == [str(number) for number in range(2_000)]

    @pytest.mark.bad_input
    def test_neither_a_header_nor_a_row(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv.gz", gzip.compress(b""))
        with pytest.raises(ConfigurationError, match=r"a\.csv\.gz has no row.*Set `csv\.columns`"):
            self.values(path, CsvDialect(header=False), "1")

    @pytest.mark.slow
    @pytest.mark.bad_input
    @pytest.mark.parametrize("header", [True, False])
    def test_a_first_row_without_an_end(self, tmp_path: Path, header: bool) -> None:
        path = write(tmp_path / "a.csv", '"' + "n\n" * 3 * 2**20)
        with pytest.raises(ConfigurationError, match=r"longer than 1 MiB\. Probably a quotation mark"):
            self.values(path, CsvDialect(header=header))

    def test_an_empty_file_without_a_header_has_no_rows(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "")
        assert self.values(path, CsvDialect(names=("Id", "Email"))) == []


PERSON = "ann.secret@example.org"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"Id,Email\n1,x\n2,{PERSON},3\n", ["row 3", "3 values", "header has 2", "delimiter (,)", "quoted"]),
        (f"Id\tEmail\n1\tx\n{PERSON}\n", ["row 3", "1 values", "delimiter (tab)"]),
        ("Id,Email\n1,x\n2,müller\n".encode("latin-1"), ["row 3", "not UTF-8", "written as UTF-8"]),
        ("Größe,Email\n1,x\n".encode("latin-1"), ["row 1", "not UTF-8"]),
        (f"Id,Email\n1,{PERSON}\n".encode("utf-16-le"), ["without a byte order mark", "csv.encoding"]),
        (f"1,{PERSON}\n2,y\n", ["no header row", "holds addresses", "csv.header: false"]),
        ("\n \n", ["no header row"]),
        ("Email,Id,Email\nx,1,y\n", ["'Email' appears twice"]),
        (f'Id,Email\n1,x\n2,"{PERSON}\n3,y\n', ["quotation mark is never closed", "RFC 4180"]),
        (f'Id,Email\n1,"{PERSON}\n' + "2,y\n" * 1_500_000, ["longer than 1 MiB", "never closed"]),
        ("Id,Mail\n1,x\n", ["no column 'Email'", "Did you mean 'Mail'?"]),
    ],
)
def test_what_cannot_be_read_is_told_without_showing_a_row(
    tmp_path: Path, content: str | bytes, words: list[str]
) -> None:
    path = write(tmp_path / "people.csv", content)
    with pytest.raises(ConfigurationError) as raised:
        emails(path)
    message = str(raised.value)
    for word in words:
        assert word in message
    assert "column" in message or path in message
    shown = "".join(traceback.format_exception(raised.value))
    assert PERSON not in shown
    assert "ller" not in shown


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("header", "doubted"), [("Id,Mail", False), ("Id,Mail,4711-0815", True), ("Our customers,Autumn", True)]
)
def test_a_header_is_doubted_only_if_no_column_is_similar(tmp_path: Path, header: str, doubted: bool) -> None:
    path = write(tmp_path / "people.csv", f"{header}\n{','.join('x' * (header.count(',') + 1))}\n")
    with pytest.raises(ConfigurationError) as raised:
        emails(path)
    assert ("have the file written with a header instead" in str(raised.value)) is doubted
    assert ("Did you mean 'Mail'?" in str(raised.value)) is ("Mail" in header)


@pytest.mark.bad_input
def test_text_far_down_that_is_not_utf_8_is_told_by_its_row(tmp_path: Path) -> None:
    content = b"Id,Email\n" + b"1,x\n" * 1_000_000 + b"1,\xe4\n"
    with pytest.raises(ConfigurationError, match=r"row 1000002 .*not UTF-8"):
        emails(write(tmp_path / "a.csv", content))


@pytest.mark.bad_input
def test_a_ragged_row_far_down_is_told_by_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Id,Email\n" + "1,x\n" * 2_000_000 + "1,x,y\n" + "1,x\n" * 10)
    with pytest.raises(ConfigurationError, match="row 2000002 "):
        emails(path)
