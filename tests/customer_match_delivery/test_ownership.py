"""Whose an audience is, by its mark."""

from __future__ import annotations

import pytest

from customer_match.export.segments import segment_key
from customer_match_delivery.ownership import Ownership, ownership_of
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.models import Audience

GOLD = segment_key("autumn", "Gold")
SILVER = segment_key("autumn", "Silver")
GONE = segment_key("autumn", "Gone")
SPEC = AudienceSpec("VIPs", "[customer-match:autumn]", segment="Gold", segments=("Gold", "Silver"))


@pytest.mark.parametrize(
    ("description", "what"),
    [
        (f"[customer-match:{GOLD}]", Ownership.OWN),
        (f"words [customer-match:{GOLD}] words", Ownership.OWN),
        ("[customer-match:autumn]", Ownership.OURS),
        (f"[customer-match:{GONE}]", Ownership.OURS),
        (f"[customer-match:{SILVER}]", Ownership.SIBLING),
        ("[customer-match:winter]", Ownership.FOREIGN),
        (f"[customer-match:{segment_key('winter', 'Gold')}]", Ownership.FOREIGN),
        ("[customer-match:autumn2]", Ownership.FOREIGN),
        ("made by hand", Ownership.FOREIGN),
        ("customer-match:autumn", Ownership.FOREIGN),
        ("", Ownership.FOREIGN),
    ],
)
def test_what_an_audience_is_to_a_segment(description: str, what: Ownership) -> None:
    assert ownership_of(Audience("1", "any name", description), SPEC) is what
