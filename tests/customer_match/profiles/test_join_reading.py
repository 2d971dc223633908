"""Which columns of two joined tables are read, and which table a condition is about."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from customer_match.errors import ConfigurationError
from customer_match.export.model import Export
from customer_match.profiles.join_reading import JoinReading, join_reading_of

PROFILES = {
    "CustomerId": pa.string(),
    "Email": pa.string(),
    "Country": pa.string(),
    "Consent": pa.bool_(),
    "Shared": pa.string(),
    "Score": pa.float64(),
    "Since": pa.date32(),
}
MEMBERSHIPS = {
    "msdynci_customerid": pa.string(),
    "msdynci_segments": pa.string(),
    "msdynci_segmentmembershiptype": pa.string(),
    "CustomerId": pa.int64(),
    "Opted": pa.bool_(),
    "Shared": pa.string(),
    "Weight": pa.float64(),
    "Until": pa.date32(),
    "Long": pa.decimal256(50, 0),
}


def reading(**keys: Any) -> JoinReading:
    required = {"name": "a", "cid": 1, "aid": 2, "source": "lake", "segments": "all", "email": "Email"}
    export = Export.model_validate(required | {"profiles": "Customer"} | keys)
    return join_reading_of(export, PROFILES, MEMBERSHIPS)


def test_tables_of_ids() -> None:
    join = reading()
    assert join.profile_columns == ("Email", "CustomerId")
    assert join.memberships.columns == ("CustomerId",)


def test_one_table_of_all_segments() -> None:
    join = reading(membership="msdynci_segmentmembership", where="msdynci_segmentmembershiptype = 'Customer'")
    assert join.memberships.columns == (
        "msdynci_customerid",
        "msdynci_segments",
        "msdynci_segmentmembershiptype",
    )
    assert join.profiles.where is None
    assert join.profile_columns == ("Email", "CustomerId")


def test_conditions_go_to_the_table_that_has_the_columns() -> None:
    join = reading(where="country = 'DE' AND shared = 'x'", consent={"column": "opted", "allow": True})
    assert join.profile_columns == ("Email", "Country", "Shared", "CustomerId")
    assert join.memberships.columns == ("CustomerId", "Opted")
    assert join.profiles.consent is None


def test_profiles_come_first() -> None:
    join = reading(where="shared = 'x'", consent={"column": "Consent", "allow": True}, row_key="CustomerId")
    assert join.profile_columns == ("Email", "Shared", "Consent", "CustomerId")
    assert join.memberships.columns == ("CustomerId",)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"where": "Country = 'DE' AND Weight > 1"},
            "columns of both tables: 'Country' of the profiles and 'Weight'",
        ),
        ({"where": "Contry = 'DE'"}, "no column 'Contry'. Did you mean 'Country'"),
        ({"where": "Weight > 1 AND Wieght > 2"}, "no column 'Weight'.*Correct `where`"),
        ({"consent": {"column": "Opte", "allow": True}}, "no column 'Opte'.*`consent.column`"),
        (
            {"profiles": {"table": "C", "key": "Since"}},
            "'Since' holds date32.day., which cannot be compared.*`profiles.key`",
        ),
        ({"membership": {"key": "Until"}}, "'Until' holds date32.*`membership.key`"),
        ({"membership": {"key": "Long"}}, r"'Long' holds decimal256\(50, 0\).*`membership.key`"),
        ({"membership": {"key": "Id"}}, "no column 'Id'.*Correct `membership.key`"),
        (
            {"membership": {"table": "M", "segments": "Opted"}},
            "'Opted' holds bool, not text.*`membership.segments`",
        ),
        ({"membership": {"table": "M", "segments": "Names"}}, "no column 'Names'.*`membership.segments`"),
        ({"row_key": "Weight"}, "no column 'Weight'.*`row_key`"),
        ({"email": "Weight"}, "no column 'Weight'.*`email`"),
    ],
)
def test_what_cannot_be_read(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        reading(**keys)
