from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given
from hypothesis import strategies as st

from customer_match.errors import ConfigurationError
from customer_match.tables.listing import visible
from customer_match.tables.opening import open_table
from customer_match.tables.partitions import partition_of, partitions_of

LOCAL = LocalFileSystem()


@pytest.mark.parametrize(
    ("relative", "values"),
    [
        ("part-0.parquet", {}),
        ("country=DE/day=2026-01-01/part-0.parquet", {"country": "DE", "day": "2026-01-01"}),
        ("2026/country=DE/x/part-0.parquet", {"country": "DE"}),
        ("city=S%C3%A3o%20Paulo%2FBR/a.csv", {"city": "São Paulo/BR"}),
        ("a%3Db=c=d/a.csv", {"a=b": "c=d"}),
        ("c=__HIVE_DEFAULT_PARTITION__/a.csv", {"c": None}),
        ("c=/a.csv", {"c": ""}),
        ("=x/a=b.csv", {}),
        ("c=007/a.csv", {"c": "007"}),
    ],
)
def test_folders_name_columns_and_values(relative: str, values: dict[str, str | None]) -> None:
    assert partition_of(relative) == values


@given(st.text(min_size=1), st.text())
def test_what_is_encoded_is_decoded(name: str, value: str) -> None:
    from urllib.parse import quote

    name, value = (text.encode("utf-8", "replace").decode() for text in (name, value))
    assert partition_of(f"{quote(name, safe='')}={quote(value, safe='')}/a") == {name: value}


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["a=1/x", "x"], ["a=1/x is in folders of a", "x is in no folder of a column", "move away"]),
        (["a=1/x", "a=1/b=2/x"], ["folders of a", "folders of a, b"]),
        (["a=1/b=2/x", "b=2/a=1/x"], ["folders of a, b", "folders of b, a"]),
        (["a=1/x", "A=1/x"], ["folders of a", "folders of A"]),
        (["a=1/a=2/x"], ["'a' twice", "Rename"]),
    ],
)
def test_files_in_folders_of_other_columns(files: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        partitions_of({file: file for file in files}, "lake/t")
    for word in ("lake/t", *words):
        assert word in str(raised.value)


def test_partitions_may_begin_with_an_underscore() -> None:
    assert visible("_day=1/part-0.parquet")
    assert not visible("_temporary/part-0.parquet")
    assert not visible(".day=1/part-0.parquet")


@pytest.mark.parametrize("kind", ["parquet", "csv", "csv.gz"])
def test_their_values_are_columns_and_go_before_those_of_the_files(tmp_path: Path, kind: str) -> None:
    for country, emails in (("DE", ["a", "b"]), ("__HIVE_DEFAULT_PARTITION__", ["c"])):
        table = pa.table({"Email": emails, "country": ["in the file"] * len(emails)})
        path = tmp_path / f"t/country={country}/part-0.{kind}"
        path.parent.mkdir(parents=True)
        if kind == "parquet":
            pq.write_table(table, path)
        else:
            import pyarrow.csv as pa_csv

            with pa.output_stream(path) as file:  # packed by its name
                pa_csv.write_csv(table, file)
    table = open_table(LOCAL, str(tmp_path / "t"))
    assert dict(table.columns()) == {"Email": pa.string(), "country": pa.string()}
    rows = [row for batch in table.batches(["country", "Email"]) for row in batch.to_pylist()]
    assert rows == [
        {"country": "DE", "Email": "a"},
        {"country": "DE", "Email": "b"},
        {"country": None, "Email": "c"},
    ]
    alone = [row["country"] for batch in table.batches(["country"]) for row in batch.to_pylist()]
    assert alone == ["DE", "DE", None]
