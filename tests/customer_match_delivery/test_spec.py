"""What an export says of an audience, and the way of it through JSON."""

from __future__ import annotations

import json

import pytest

from customer_match.export.model import Export
from customer_match.export.segments import Segment, segment_key
from customer_match_delivery.spec import AudienceSpec, export_values, segment_values

GOLD = segment_key("autumn", "Gold")
SILVER = segment_key("autumn", "Silver")
SPEC = AudienceSpec("VIPs", "[customer-match:autumn]", segment="Gold", segments=("Gold", "Silver"))


def test_the_mark_of_a_segment() -> None:
    assert str(SPEC.own_mark) == f"[customer-match:{GOLD}]"
    assert SPEC.key == GOLD
    assert SPEC.siblings == {SILVER}
    old = AudienceSpec("VIPs", "[customer-match:autumn]")
    assert str(old.own_mark) == "[customer-match:autumn]"
    assert old.key == segment_key("autumn", "VIPs")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "mark", ["", "m", "[customer-match:]", "[customer-match:a b]", "[customer-match:a]x"]
)
def test_a_text_that_is_no_mark_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match="is not a mark"):
        _ = AudienceSpec("VIPs", mark).own_mark


def export(**keys: object) -> Export:
    usual = {
        "name": "autumn",
        "cid": 1,
        "aid": 2,
        "source": "/lake",
        "segments": ["Gold", {"table": "Silver", "audience_id": 77}],
        "email": "Email",
    }
    return Export.model_validate(usual | keys)


@pytest.mark.parametrize(
    "keys", [{}, {"scope": "Account", "membership_duration": 30, "adopt": True}, {"scope": "Customer"}]
)
@pytest.mark.parametrize(
    "segment",
    [Segment(table="Gold", audience="VIPs"), Segment(table="Silver", audience="Silver", audience_id="77")],
)
def test_a_spec_survives_json(keys: dict[str, object], segment: Segment) -> None:
    """As the DAG file and the tasks hand it to the operator."""
    said = export(**keys)
    for_all, for_one = json.loads(json.dumps([export_values(said), segment_values(said, segment)]))
    spec = AudienceSpec.of(said, segment)
    assert AudienceSpec.from_values(for_all, {**for_one, "folder": "runs/autumn"}) == spec
    assert (spec.name, spec.audience_id) == (segment.audience, segment.audience_id)
    assert (spec.mark, spec.segments) == ("[customer-match:autumn]", ("Gold", "Silver"))
    assert (spec.scope, spec.adopt) == (keys.get("scope", "Customer"), keys.get("adopt", False))
    assert (spec.scope_stated, spec.membership_duration) == (
        "scope" in keys,
        keys.get("membership_duration", -1),
    )


def test_a_mark_and_a_name_are_enough() -> None:
    spec = AudienceSpec.from_values({"mark": "[customer-match:autumn]"}, {"audience": "VIPs"})
    assert spec == AudienceSpec("VIPs", "[customer-match:autumn]")
