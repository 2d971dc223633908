"""ApplyCustomerListUserData: members sent with calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.microsoft_advertising_simulator.api import Api, digest_hex, hexes, numbers, partial


@pytest.mark.behaviour("items.duplicates")
def test_apply_adds_removes_replaces(api: Api) -> None:
    audience_id = api.create("Applied")
    assert partial(api.apply(audience_id, "Add", hexes(range(10)) + hexes(range(5)))) == []
    assert api.members(audience_id) == hexes(range(10))
    assert partial(api.apply(audience_id, "Add", hexes(range(8, 12)))) == []
    assert partial(api.apply(audience_id, "Remove", hexes([0, 11, 99]))) == []
    assert api.members(audience_id) == hexes(range(1, 11))
    assert partial(api.apply(audience_id, "Replace", hexes(range(3)))) == []
    assert api.members(audience_id) == hexes(range(3))


@pytest.mark.behaviour("audiences.apply-items")
def test_apply_accepts_valid_items_beside_invalid_ones(api: Api) -> None:
    audience_id = api.create("Mixed")
    items = [
        digest_hex(1),
        "plain text",
        None,
        "",
        digest_hex(2).upper(),
        digest_hex(3) + "\n",
        digest_hex(4),
    ]
    answer = api.apply(audience_id, "Add", items)
    assert partial(answer) == [(1, 8004), (2, 8006), (3, 8006), (4, 8004), (5, 8004)]
    assert api.members(audience_id) == hexes([1, 4])
    assert "plain text" not in answer.text


@pytest.mark.behaviour("audiences.apply-limit", "audiences.apply-whole-call")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AudienceId": "1"}, 8000),
        ({"AudienceId": None}, 8000),
        ({"ActionType": "Delete"}, 8001),
        ({"ActionType": "None"}, 8001),
        ({"CustomerListItemSubType": "CRM"}, 8002),
        ({"CustomerListItemSubType": "Phone"}, 8002),
        ({"AcceptCustomerMatchTerm": False}, 8003),
        ({"CustomerListItems": []}, 8006),
        ({"CustomerListItems": None}, 8006),
        ({"CustomerListItems": ["x"] * 1001}, 6999),
    ],
)
def test_a_wrong_call_is_refused_as_a_whole(api: Api, changes: dict[str, Any], code: int) -> None:
    audience_id = api.create(f"Refusing {code} {sorted(changes)} {len(str(changes))}")
    answer = api.apply(audience_id, "Add", hexes(range(3)), **changes)
    assert (answer.status_code, numbers(answer)) == (400, [code])
    assert api.members(audience_id) == []


@pytest.mark.behaviour("audiences.apply-limit")
def test_apply_accepts_a_thousand_items(api: Api) -> None:
    audience_id = api.create("Thousand")
    assert partial(api.apply(audience_id, "Add", hexes(range(1000)))) == []
    assert len(api.members(audience_id)) == 1000


@pytest.mark.behaviour("lists.terms-needed")
def test_terms_that_are_not_accepted(api: Api) -> None:
    audience_id = api.create("Terms")
    api.control("settings", {"terms_accepted": False})
    assert numbers(api.apply(audience_id, "Add", hexes([1]))) == [8003]
    assert partial(api.apply(audience_id, "Add", hexes([1]), AcceptCustomerMatchTerm=True)) == []
    assert numbers(api.apply(audience_id, "Replace", hexes([2]))) == [8003]
    assert partial(api.apply(audience_id, "Remove", hexes([1]))) == []
    assert api.create("Without terms")
