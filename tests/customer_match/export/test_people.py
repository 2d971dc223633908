"""Who becomes a member: the forms of `email`, `consent`, `suppress` and `membership`, and their meaning."""

from __future__ import annotations

import pytest

from customer_match.addresses.definition import Take
from customer_match.export.people import Consent, Email, Suppression
from customer_match.export.sources import Source
from tests.customer_match.export.samples import export


@pytest.mark.parametrize(
    ("key", "written", "kept"),
    [
        ("email", ["A", "B"], Email(columns=("A", "B"))),
        ("email", "A", Email(columns=("A",))),
        ("email", {"columns": "A", "separator": " ; "}, Email(columns=("A",), separator=" ; ")),
        ("email", {"columns": ["A"], "take": "all"}, Email(columns=("A",), take=Take.ALL)),
        ("consent", {"column": "C", "allow": True}, Consent(column="C", allow=(True,))),
        ("consent", {"column": "C", "allow": ["yes ", 1, 0.5]}, Consent(column="C", allow=("yes", 1, 0.5))),
        ("suppress", "Never", (Suppression(table="Never"),)),
        ("suppress", "lists/never.csv", (Suppression(path="lists/never.csv"),)),
        ("suppress", ["A", {"path": "b"}], (Suppression(table="A"), Suppression(path="b"))),
        (
            "suppress",
            {"table": "A", "source": "other"},
            (Suppression(table="A", source=Source(root="other")),),
        ),
    ],
)
def test_short_forms_mean_the_same_as_mappings(key: str, written: object, kept: object) -> None:
    assert getattr(export(**{key: written}), key) == kept


@pytest.mark.parametrize(
    ("membership", "key", "one"),
    [
        (None, "Id", None),
        ({"key": "ContactId"}, "ContactId", None),
        ("M", "msdynci_customerid", ("M", None, "msdynci_segments")),
        ("dataverse/M", "msdynci_customerid", ("dataverse/M", "dataverse/M", "msdynci_segments")),
        ({"table": "M", "key": "C", "segments": "S"}, "C", ("M", None, "S")),
    ],
)
def test_memberships_have_dataverses_columns_by_default(membership: object, key: str, one: object) -> None:
    some = export(profiles={"table": "Customer", "key": "Id"}, membership=membership)
    assert some.membership_key == key
    found = some.memberships
    assert (found and (found.name, found.path, found.segments)) == one
