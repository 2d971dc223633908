"""What is read of a table: the export's names in the table's spelling, and what cannot be read."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from customer_match.addresses.definition import Take
from customer_match.errors import ConfigurationError
from customer_match.export.model import Export
from customer_match.export.people import Addresses
from customer_match.profiles.reading import ReadSpec, read_spec_of, suppression_read_spec_of

COLUMNS = {
    "CustomerId": pa.string(),
    "Email": pa.string(),
    "Others": pa.list_(pa.string()),
    "Score": pa.int64(),
    "Consent": pa.bool_(),
    "Photo": pa.binary(4),
    "Numbers": pa.list_(pa.int64()),
}


def reading(**keys: Any) -> ReadSpec:
    required = {"name": "a", "cid": 1, "aid": 2, "source": "lake", "segments": "all", "email": "Email"}
    return read_spec_of(Export.model_validate(required | keys), COLUMNS)


def test_the_plain_case_reads_one_column() -> None:
    plain = reading(email="email")
    assert plain == ReadSpec(emails=("Email",))
    assert plain.columns == ("Email",)


def test_everything_at_once() -> None:
    full = reading(
        email={"columns": ["others", "EMAIL", "email"], "take": "all", "separator": ";"},
        where="score > 1 AND consent",
        consent={"column": "CONSENT", "allow": True},
        row_key="customerid",
    )
    assert (full.emails, full.take, full.separator) == (("Others", "Email"), Take.ALL, ";")
    assert full.columns == ("Others", "Email", "Score", "Consent", "CustomerId")


def test_every_address_of_a_suppression_list_counts() -> None:
    found = suppression_read_spec_of(Addresses(columns=("email",), separator=","), COLUMNS)
    assert found == ReadSpec(emails=("Email",), take=Take.ALL, separator=",")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"email": "Emial"}, r"Did you mean 'Email'\?.*Correct `email`"),
        ({"email": "Score"}, "'Score' holds int64, not text.*`email`"),
        ({"email": "Photo"}, "'Photo' holds 4 bytes a value, not text"),
        ({"email": "numbers"}, "'Numbers' holds list<item: int64>, not text"),
        ({"row_key": "Custmer"}, r"Did you mean 'CustomerId'\?.*Correct `row_key`"),
        ({"row_key": "Photo"}, "holds 4 bytes a value, which cannot be written as text.*`row_key`"),
        ({"row_key": "Others"}, "which cannot be written as text"),
        ({"email": " Email ", "row_key": "EMAIL"}, "is an e-mail column"),
        ({"consent": {"column": "Consnt", "allow": 1}}, r"Did you mean 'Consent'\?"),
        ({"where": "Scor > 1"}, r"Did you mean 'Score'\?"),
    ],
)
def test_what_cannot_be_read_is_told(keys: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigurationError, ValueError), match=message):
        reading(**keys)


@pytest.mark.bad_input
def test_the_row_key_is_no_address_in_another_spelling() -> None:
    columns = {" Email": pa.string(), "Id": pa.string()}
    export = Export.model_validate(
        {"name": "a", "cid": 1, "aid": 2, "source": "l", "segments": "all", "email": "Email", "row_key": "Id"}
    )
    assert read_spec_of(export, columns).key == "Id"
    odd = export.model_copy(update={"row_key": "email"})
    with pytest.raises(ConfigurationError, match=r"' Email' holds the addresses.*`row_key`"):
        read_spec_of(odd, columns)


@pytest.mark.bad_input
def test_a_suppression_list_without_the_column() -> None:
    with pytest.raises(ConfigurationError, match=r"Correct `suppress\.email`"):
        suppression_read_spec_of(Addresses(columns=("Hash",)), COLUMNS)
