"""What is remembered of a table."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from customer_match.addresses.definition import Rejection
from customer_match.members.files import MembersFile
from customer_match.profiles.staging import Staged
from customer_match.table_facts import TableFacts


def test_what_is_filled_is_the_rest() -> None:
    assert TableFacts(profiles=10, missing=3).filled == 7
    assert TableFacts(profiles=0).filled == 0


@pytest.mark.parametrize(
    ("rejected", "missing"),
    [({}, 0), ({Rejection.MISSING: 4, Rejection.NOT_AN_ADDRESS: 2}, 4), ({Rejection.TOO_LONG: 5}, 0)],
)
def test_they_come_from_what_was_read(rejected: dict[Rejection, int], missing: int) -> None:
    """What is not usable is filled all the same: another guard judges that."""
    staged = Staged(
        members=MembersFile(path="m", count=1),
        profiles=20,
        valid=20 - sum(rejected.values()),
        rejected=rejected,
        duplicates=0,
    )
    assert staged.facts == TableFacts(profiles=20, missing=missing)


@pytest.mark.bad_input
def test_facts_of_another_version_are_not_understood_by_halves() -> None:
    with pytest.raises(ValidationError, match="columns"):
        TableFacts.model_validate({"profiles": 1, "columns": 3})
