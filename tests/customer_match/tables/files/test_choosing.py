"""Which files of a folder are read: none is passed over without a reason."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.errors import ConfigurationError
from customer_match.tables.csv.dialect import CsvDialect
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table

LOCAL = LocalFileSystem()
CSV = b"Id,Email\n1,b\n"


def parquet(email: str = "b") -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"Id": ["1"], "Email": [email]}), sink)
    return sink.getvalue()


def written(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = folder / "t" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "t"


def emails(folder: Path, *args: object, **options: object) -> list[str]:
    table = open_table(LOCAL, str(folder), *args, **options)  # type: ignore[arg-type]
    return sorted(value for batch in table.batches(["Email"]) for value in batch.column("Email").to_pylist())


@pytest.mark.parametrize(
    "name",
    [
        "000000_0",
        "000000_0_copy_1",
        "part-r-00000",
        "part-00000.c000",
        "people.dat",
        "people.psv",
        "people.20261129",
        "b.csv.1",
        "PEOPLE.TXT",
        "0000_part_00",
        "people.data.gz",
        "000000_0.gz",
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_what_a_name_does_not_tell_the_first_bytes_do(tmp_path: Path, name: str, alone: bool) -> None:
    content = gzip.compress(CSV) if name.endswith(".gz") else CSV
    folder = written(tmp_path, **{name: content}, **({} if alone else {"a.csv": b"Id,Email\n1,a\n"}))
    assert emails(folder) == (["b"] if alone else ["a", "b"])
    assert emails(folder, "csv") == (["b"] if alone else ["a", "b"])
    if not name.endswith(".gz") and name != "PEOPLE.TXT":
        folder = written(
            tmp_path / "other", **{name: parquet()}, **({} if alone else {"a.parquet": parquet("a")})
        )
        assert emails(folder) == (["b"] if alone else ["a", "b"])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("part-1.ndjson", b'{"Email": "b"}', "format that cannot be read"),
        ("part-1.json", b'[{"Email": "b"}]', "format that cannot be read"),
        ("part-1", b'[{"Email": "b"}]', "is JSON"),
        ("part-1", b'{"Email": "b"}\n{"Email": "c"}', "is JSON"),
        ("part-1.gz", gzip.compress(b'{"Email": "b"}', mtime=0), "is JSON"),
        ("part-1.x.gz", gzip.compress(b'{"Email": "b"}', mtime=0), "is JSON, compressed with gzip"),
        ("part-1.parquet.gz", gzip.compress(b"PAR1", mtime=0), "is a Parquet file, compressed with gzip"),
        ("bucket_00000", b"ORC\0\1\2", "is an ORC file"),
        ("manifest", b'{"entries": []}', "is JSON"),
        ("part-1.carbondata", b"\0\1\2", "neither Parquet nor text"),
        ("part-1.csv.tmp", b"Id,Email\n1,b\n", "is not complete"),
        ("a.csv.1", b"Id,Email\n1,b\n", "another version"),
        ("a.csv.bak", b"Id,Email\n1,b\n", "another version"),
        ("000000_0", b"", "is empty (0 bytes)"),
        ("000000_0", parquet(), "csv and parquet files (a.csv is csv, 000000_0 is parquet)"),
    ],
)
@pytest.mark.parametrize("wanted", ["auto", "csv"])
def test_what_cannot_be_read_is_refused_by_its_name(
    tmp_path: Path, name: str, content: bytes, words: str, wanted: str
) -> None:
    folder = written(
        tmp_path, **{"a.csv": b"Id,Email\n1,a\n", f"day 1/{name}" if name != "a.csv.1" else name: content}
    )
    with pytest.raises(ConfigurationError) as refused:
        emails(folder, wanted)
    assert words in str(refused.value)
    assert name in str(refused.value)


def test_text_that_lacks_the_columns_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path, **{"a.csv": b"Id,Email\n1,a\n", "NOTES": b"These are our people.\nAsk Ann.\n"})
    with pytest.raises(ConfigurationError, match="NOTES"):
        emails(folder)


def test_whoever_names_a_format_does_not_lose_what_only_its_bytes_tell(tmp_path: Path) -> None:
    folder = written(tmp_path, **{"a.parquet": parquet(), "000000_0": CSV})
    with pytest.raises(ConfigurationError, match="000000_0 is csv"):
        emails(folder, "parquet")
    with pytest.raises(ConfigurationError, match="000000_0 is csv"):
        emails(written(tmp_path / "alone", **{"000000_0": CSV}), "parquet")


def test_text_in_an_encoding_that_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path, **{"people.dat": "Id,Email\n1,b\n".encode("utf-16-le")})
    with pytest.raises(ConfigurationError, match=r"people\.dat is neither"):
        emails(folder)
    assert emails(folder, dialect=CsvDialect(encoding="utf-16-le")) == ["b"]


def test_only_the_newest_run_is_looked_at(tmp_path: Path) -> None:
    folder = written(tmp_path, **{"2026/11/21/0215/a.json": b"{}", "2026/11/22/0215/000000_0": CSV})
    assert emails(folder) == ["b"]
    written(tmp_path, **{"notes.json": b"{}"})
    with pytest.raises(ConfigurationError, match=r"other files next to them: notes\.json"):
        emails(folder)


class TestDiscovered:
    def test_a_file_beside_one_of_its_name_may_be_its_other_half(self, tmp_path: Path) -> None:
        for other in ("Gold.json", "Gold.dat", "Gold.csv.1", "Gold"):
            root = written(
                tmp_path / other, **{"Gold.csv": CSV, other: CSV, "Gold.md": b"x", "Gold.log": b"x"}
            )
            alike = " and ".join(sorted(["Gold.csv", other]))
            assert f"'Gold' could be {alike}." in discover(LOCAL, str(root)).faults["Gold"]
            assert list(discover(LOCAL, str(root), format="csv")) == ["Gold"]

    def test_a_folder_is_a_table_whatever_lies_beside_it(self, tmp_path: Path) -> None:
        root = written(tmp_path, **{"Gold/part-0": CSV, "Gold.json": b"{}", "Gold.dat": b"x"})
        assert discover(LOCAL, str(root), known=lambda _: True) == {"Gold": f"{root}/Gold"}

    def test_what_nothing_tells_to_be_a_table_is_one_if_somebody_knows_it(self, tmp_path: Path) -> None:
        files = ("Gold.json", "Silver", "Bronze/x.log", "run.log", "README.md")
        root = written(tmp_path, **dict.fromkeys(files, b"x"))
        assert discover(LOCAL, str(root)) == {}
        assert discover(LOCAL, str(root), known=lambda _: True) == {
            "Bronze": f"{root}/Bronze",
            "Gold": f"{root}/Gold.json",
            "Silver": f"{root}/Silver",
        }

    def test_a_folder_of_files_of_any_kind_is_one(self, tmp_path: Path) -> None:
        root = written(tmp_path, **{"A/000000_0": CSV, "B/x.json": b"{}", "C/x.dat": CSV, "D/load.sql": b"x"})
        assert list(discover(LOCAL, str(root))) == ["A", "B", "C"]
