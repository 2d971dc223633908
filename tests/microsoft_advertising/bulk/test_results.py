"""Results files: only refused rows are returned, and damaged files are recognised."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile

import pytest

from customer_match.errors import TerminalError, TransientError
from microsoft_advertising.bulk.results import read_row_errors
from microsoft_advertising.models import RowError
from tests.microsoft_advertising.conftest import results_zip

NOISE = [f"Column {number}" for number in range(460)]
COLUMNS = ["Type", "Id", "Client Id", "Parent Id", "Text", "Name", "Error", "Error Number", "Action Type"]
PLAIN = "somebody@example.com"


def table(rows: list[dict[str, str]], columns: list[str], line_end: str = "\n") -> str:
    lines = [",".join(columns)] + [",".join(row.get(column, "") for column in columns) for row in rows]
    return line_end.join(lines) + line_end


def item(client_id: str, **more: str) -> dict[str, str]:
    return {"Type": "Customer List Item", "Client Id": client_id, "Text": PLAIN, **more}


def error(client_id: str, name: str, number: str) -> dict[str, str]:
    return item(client_id, Type="Customer List Item Error", **{"Error": name, "Error Number": number})


ROWS = [
    {"Type": "Format Version", "Name": "6.0"},
    {"Type": "Customer List", "Id": "7", "Action Type": "Add"},
    {"Type": "Customer List Error", "Id": "7", "Error": "InvalidAudienceId", "Error Number": "4835"},
    item("000003"),
    error("000003", "EmailMustBeHashed", "8004"),
    error("000003", "InvalidCustomerListId", "8000"),
    item("000004"),
    item("000009"),
    error("000009", "EmailMustBeHashed", "8004"),
]
EXPECTED = [
    RowError("Customer List", "", 4835, "InvalidAudienceId"),
    RowError("Customer List Item", "000003", 8004, "EmailMustBeHashed"),
    RowError("Customer List Item", "000003", 8000, "InvalidCustomerListId"),
    RowError("Customer List Item", "000009", 8004, "EmailMustBeHashed"),
]


def read(data: bytes, **bounds: int) -> list[RowError]:
    return list(read_row_errors(io.BytesIO(data), **bounds))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_columns_and_any_width(seed: int, line_end: str) -> None:
    columns = COLUMNS + NOISE * (seed % 2)
    random.Random(seed).shuffle(columns)
    assert read(results_zip(table(ROWS, columns, line_end))) == EXPECTED


def test_the_text_is_never_stored() -> None:
    assert PLAIN not in repr(read(results_zip(table(ROWS, COLUMNS))))


def test_rows_of_another_width_are_read_by_their_columns() -> None:
    text = "Type,Client Id,Error,Error Number,Text\nCustomer List Item Error,000001,EmailMustBeHashed,8004\n"
    assert read(results_zip(text)) == [
        EXPECTED[1].__class__("Customer List Item", "000001", 8004, "EmailMustBeHashed")
    ]
    assert read(results_zip("Type,Client Id,Error,Error Number\nCustomer List Item Error\n")) == [
        RowError("Customer List Item", "", 0, "")
    ]


def test_quoted_fields_and_line_breaks_in_them() -> None:
    text = 'Text,Type,Client Id,Error,Error Number\n"a,""b\nc",Customer List Item Error,000001,X,1\n'
    assert read(results_zip(text)) == [RowError("Customer List Item", "000001", 1, "X")]


def test_free_text_in_the_error_is_not_passed_on() -> None:
    text = f"Type,Client Id,Error,Error Number\nCustomer List Item Error,000001,{PLAIN},{PLAIN}\n"
    assert read(results_zip(text)) == [RowError("Customer List Item", "000001", 0, "")]


def test_results_without_errors_refuse_no_member() -> None:
    assert read(results_zip(table(ROWS[:1], COLUMNS))) == []


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.99])
def test_truncated_zips_must_be_downloaded_again(kept: float) -> None:
    data = results_zip(table(ROWS * 50, COLUMNS))
    with pytest.raises(TransientError, match="damaged"):
        read(data[: int(len(data) * kept)])


def test_damaged_zips_must_be_downloaded_again() -> None:
    generator = random.Random(0)
    data = bytearray(
        results_zip("".join(f"Type,Client Id,Error,Error Number,{generator.random()}\n" for _ in range(500)))
    )
    for position in range(200, 260):
        data[position] ^= 0xFF
    with pytest.raises(TransientError, match="damaged"):
        read(bytes(data))


def test_zips_with_wrong_sizes_must_be_downloaded_again() -> None:
    """The bytes after the member are read as part of it: they are not text (usually a checksum), then the file ends.

    Python with the fix of gh-109858 (Debian's 3.11.2, 3.12.2 and later) notices first that the member overlaps.
    """
    kinds = {_promising_too_much(filler) for filler in range(64)}
    assert kinds in ({"UnicodeDecodeError", "EOFError"}, {"BadZipFile"})


def _promising_too_much(filler: int) -> str:
    info = zipfile.ZipInfo("r.csv")
    info.external_attr = 1  # else zipfile puts in bytes that are no text
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, table(ROWS, COLUMNS) + f"{filler}\n")
    data = bytearray(buffer.getvalue())
    sizes = data.index(b"PK\x01\x02") + 20  # in the central directory: compressed, then raw
    data[sizes : sizes + 8] = struct.pack("<II", 1 << 20, 1 << 20)
    with pytest.raises(TransientError, match="Download them again") as caught:
        read(bytes(data))
    return str(caught.value).partition("(")[2].partition(")")[0]


@pytest.mark.parametrize("text", ["", "\n", "Type,Client Id,Error\n", "<html>\n"])
def test_another_kind_of_file(text: str) -> None:
    with pytest.raises(TerminalError, match="columns"):
        read(results_zip(text))


def test_no_utf_8() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("r.csv", b"Type,Client Id,Error,Error Number\n\xff\xfe\n")
    with pytest.raises(TransientError, match="UnicodeDecodeError"):
        read(buffer.getvalue())


@pytest.mark.parametrize("names", [[], ["a.csv", "b.csv"]])
def test_another_number_of_files(names: list[str]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    with pytest.raises(TerminalError, match=f"not {len(names)}"):
        read(buffer.getvalue())


def test_errors_of_other_records_are_not_ignored() -> None:
    text = "Type,Client Id,Error,Error Number\nCampaign Error,000001,X,1\n"
    with pytest.raises(TerminalError, match="not sent"):
        read(results_zip(text))


def test_a_zip_bomb_stops_at_the_bound() -> None:
    with pytest.raises(TerminalError, match="larger than 100000 bytes"):
        read(results_zip("Type,Client Id,Error,Error Number\n" + "a,b,c,d\n" * 20_000), max_raw_bytes=100_000)


def test_an_endless_line_stops_at_the_bound() -> None:
    with pytest.raises(TerminalError, match="line of more than 10000"):
        read(results_zip("Type,Client Id,Error,Error Number\n" + "a" * 20_000), max_line=10_000)


def test_memory_does_not_grow_with_the_rows() -> None:
    row = table([error("000001", "EmailMustBeHashed", "8004")], COLUMNS).splitlines()[1]
    data = results_zip(",".join(COLUMNS) + "\n" + f"{row}\n" * 20_000)
    tracemalloc.start()
    count = sum(1 for _ in read_row_errors(io.BytesIO(data)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 2 << 20
