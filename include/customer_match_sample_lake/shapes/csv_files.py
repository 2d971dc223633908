"""CSV: delimiters, encodings, quotation marks, gzip, with and without headers."""

from __future__ import annotations

from collections.abc import Iterator

from customer_match_sample_lake.csv_text import Csv
from customer_match_sample_lake.expected import Tally
from customer_match_sample_lake.lake import COLUMNS, Batches, Lake, Row, customers
from customer_match_sample_lake.shape import Sample, State, shape

_TURNED = tuple(reversed(COLUMNS))


@shape("csv", "CSV files with a header, each with its own delimiter and column order")
def csv_folder(lake: Lake) -> Sample:
    """Write names with commas, quotation marks and line breaks; one file begins with a byte order mark."""
    tally = Tally()
    files = {
        "comma.csv": (Csv(header=True), COLUMNS),
        "bar.txt": (Csv(header=True, delimiter="|", encoding="utf-8-sig"), _TURNED),
        "2025/tab.tsv": (Csv(header=True, delimiter="\t"), _TURNED),
    }
    for part, (name, (style, columns)) in enumerate(files.items()):
        people = lake.people(1 / len(files), start=part / len(files))
        lake.csv(f"HighValue/{name}", tally.of(customers(people)), style, columns)
    export = {"segments": lake.segments("HighValue"), "email": "Email", "row_key": "CustomerId"}
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape("csv-cp1252", "semicolons and Windows' encoding cp1252, as Excel saves it in Western Europe")
def csv_cp1252(lake: Lake) -> Sample:
    """Write only profiles whose names and addresses can be encoded."""
    encoding = "cp1252"
    style = Csv(header=True, delimiter=";", encoding=encoding)
    return _one_file(lake, "csv", style, lake_encoding=encoding)


@shape("csv-utf16", "semicolons and UTF-16 with a byte order mark")
def csv_utf16(lake: Lake) -> Sample:
    """Write names in every script."""
    return _one_file(lake, "csv", Csv(header=True, delimiter=";", encoding="utf-16"))


@shape("csv-gzip", "CSV files compressed by gzip")
def csv_gzip(lake: Lake) -> Sample:
    """Write each table as a single file in a folder."""
    return _one_file(lake, "csv.gz", Csv(header=True))


@shape("csv-no-header", "CSV without a header; the export file gives the column names")
def csv_no_header(lake: Lake) -> Sample:
    """Write columns in the order that the export file gives."""
    return _one_file(lake, "csv", Csv(), source={"csv": {"columns": list(COLUMNS)}})


@shape("csv-spark", "CSV as Spark writes it: quotation marks in values are escaped by a backslash")
def csv_spark(lake: Lake) -> Sample:
    """Write CSV with Spark's default settings."""
    return _one_file(lake, "csv", Csv(header=True, escape="\\"), source={"csv": {"escape": "\\"}})


def _one_file(
    lake: Lake,
    ending: str,
    style: Csv,
    *,
    lake_encoding: str = "utf-8",
    source: dict[str, object] | None = None,
) -> Sample:
    """Write tables of one file."""
    tally = Tally()
    rows = _encodable(customers(lake.people()), lake_encoding)
    lake.csv(f"HighValue/part-00000.{ending}", tally.of(rows), style)
    told = {"encoding": lake_encoding} if lake_encoding != "utf-8" else {}
    export = {
        "source": source or ({"csv": told} if told else {}),
        "segments": lake.segments("HighValue"),
        "email": "Email",
    }
    return Sample(export, [State({"HighValue": tally.expected()})])


def _encodable(batches: Batches, encoding: str) -> Iterator[list[Row]]:
    for rows in batches:
        yield [row for row in rows if _can_be_written(row, encoding)]


def _can_be_written(row: Row, encoding: str) -> bool:
    try:
        "".join(str(value) for value in row.values()).encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
