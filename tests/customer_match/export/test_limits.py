"""The guards of an export."""

from __future__ import annotations

from customer_match.export.limits import Guards
from tests.customer_match.export.samples import export


def test_null_turns_off_each_guard_that_has_a_limit() -> None:
    limits = [key for key in Guards.model_fields if key.startswith("max_")]
    assert len(limits) == 9
    guards = export(guards=dict.fromkeys(limits)).guards
    assert [getattr(guards, key) for key in limits] == [None] * 9
