"""What a new export finds in the lake: rows of tables, and columns with addresses; never a value."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_microsoft_advertising.lake.contents import addresses_in, rows_of
from customer_match.errors import CustomerMatchError


@pytest.fixture
def lake(tmp_path: Path) -> str:
    rows = {"Id": ["1", "2"], "Mail": ["anna@example.org", "x"], "Second": ["a@example.org", "b@example.org"]}
    for name in ("Gold", "Silver", "Broken"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table(rows), tmp_path / name / "part-0.parquet")
    file = tmp_path / "Broken" / "part-0.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    (tmp_path / "Text").mkdir()
    (tmp_path / "Text" / "part.csv").write_text("Mail\nanna@example.org\n")
    return str(tmp_path)


def test_rows_are_counted_from_metadata(lake: str) -> None:
    """The rows of a CSV file would be known only after reading it."""
    found = rows_of(lake, ["Gold", "Text", "Broken", "Nothing"])
    assert found["Gold"] == 2
    assert "Text" not in found
    assert "Broken" in str(found["Broken"])
    assert "Nothing" in str(found["Nothing"])


def test_the_time_for_it_is_limited(lake: str) -> None:
    assert rows_of(lake, ["Gold", "Silver"], seconds=-1) == {}


def test_columns_with_addresses(lake: str) -> None:
    assert addresses_in(lake, "Gold", ["Id", "Mail", "Second"]) == {"Mail": 0.5, "Second": 1.0}
    with pytest.raises(CustomerMatchError, match="Broken"):
        addresses_in(lake, "Broken", ["Mail"])
