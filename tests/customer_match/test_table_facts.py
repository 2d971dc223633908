"""Counts of a table that are kept for the next run."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from customer_match.addresses.definition import Rejection
from customer_match.members.files import MembersFile
from customer_match.profiles.staging import Staged
from customer_match.table_facts import TableFacts


def test_filled_rows_are_all_others() -> None:
    assert TableFacts(profiles=10, missing=3).filled == 7
    assert TableFacts(profiles=0).filled == 0


@pytest.mark.parametrize(
    ("rejected", "missing"),
    [({}, 0), ({Rejection.MISSING: 4, Rejection.NOT_AN_ADDRESS: 2}, 4), ({Rejection.TOO_LONG: 5}, 0)],
)
def test_counts_come_from_the_rows_read(rejected: dict[Rejection, int], missing: int) -> None:
    """Unusable values count as filled: another guard checks them."""
    staged = Staged(
        members=MembersFile(path="m", count=1),
        profiles=20,
        valid=20 - sum(rejected.values()),
        rejected=rejected,
        duplicates=0,
    )
    assert staged.facts == TableFacts(profiles=20, missing=missing)


@pytest.mark.bad_input
def test_facts_of_another_version_are_not_partly_accepted() -> None:
    with pytest.raises(ValidationError, match="columns"):
        TableFacts.model_validate({"profiles": 1, "columns": 3})
