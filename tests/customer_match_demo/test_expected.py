import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from customer_match.addresses.definition import Policy
from customer_match.addresses.engine import digest_batch
from customer_match.members.digests import sorted_distinct, to_hex
from customer_match_demo.expected import expected, expected_from_values
from customer_match_demo.tables import DemoTable, write_table
from customer_match_sample_lake.people import SCHEMA, Profiles


def digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def test_an_audience_computed_by_hand_is_expected() -> None:
    values = [
        "Anna@Example.com ",
        "anna@example.com",
        None,
        "  ",
        "n/a",
        digest("bob@example.com").upper(),
        "bob@example.com",
        "carl@example",
    ]
    result = expected_from_values(values, "basic")
    assert result.members == sorted([digest("anna@example.com"), digest("bob@example.com")])
    assert (result.profiles, result.valid, result.duplicates) == (8, 4, 2)
    assert result.rejected == {"missing": 2, "not_an_address": 1, "domain_invalid": 1}


def test_both_policies_contribute_two_members() -> None:
    result = expected_from_values(["a.b+tag@example.com", "a.b+tag@example.com"], Policy.BOTH)
    assert result.members == sorted([digest("a.b+tag@example.com"), digest("ab@example.com")])
    assert (result.valid, result.duplicates) == (2, 2)


@pytest.mark.parametrize("policy", Policy)
def test_read_from_parquet_and_csv_alike(tmp_path: Path, policy: Policy) -> None:
    profiles = Profiles.first(4_000)
    write_table(str(tmp_path / "p"), DemoTable("p", profiles, files=2))
    write_table(str(tmp_path / "c"), DemoTable("c", profiles, files=2, format="csv"))
    values = pa.Table.from_batches(profiles.batches(), SCHEMA)["Email"].to_pylist()
    assert expected(str(tmp_path / "p"), "Email", policy) == expected_from_values(values, policy)
    assert expected(str(tmp_path / "c"), "Email", policy) == expected_from_values(values, policy)


@pytest.mark.slow
@pytest.mark.parametrize("policy", Policy)
def test_the_engine_agrees_on_the_demos_people(policy: Policy) -> None:
    batch = next(Profiles.first(30_000).batches())
    outcome = digest_batch(batch, ["Email"], policy)
    result = expected_from_values(batch["Email"].to_pylist(), policy)
    members = [row.tobytes().decode() for row in to_hex(sorted_distinct(outcome.digests))]
    assert members == result.members
    assert {str(reason): count for reason, count in outcome.rejected.items()} == result.rejected


@pytest.mark.bad_input
def test_a_folder_without_tables_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="contains no file"):
        expected(str(tmp_path))
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match="neither Parquet nor CSV"):
        expected(str(tmp_path))
