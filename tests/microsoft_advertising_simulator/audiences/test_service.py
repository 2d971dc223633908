"""Audiences over REST: add, update, delete, query, apply."""

from __future__ import annotations

from typing import Any

import pytest

from tests.microsoft_advertising_simulator.api import Api, hexes, numbers, partial


@pytest.mark.behaviour("calls.long-numbers", "audiences.sizes")
def test_created_list_is_found(api: Api) -> None:
    audience_id = api.create("Found me", Description="With words", MembershipDuration=90)
    [found] = [
        entry
        for entry in api.campaign("Audiences/QueryByIds", {"Type": "CustomerList"}).json()["Audiences"]
        if entry["Name"] == "Found me"
    ]
    assert found == {
        "AudienceNetworkSize": None,
        "CustomerShare": None,
        "Description": "With words",
        "ForwardCompatibilityMap": None,
        "Id": audience_id,
        "MembershipDuration": 90,
        "Name": "Found me",
        "ParentId": api.ready["customer_id"],
        "Scope": "Customer",
        "SearchSize": None,
        "SupportedCampaignTypes": [],
        "Type": "CustomerList",
    }


@pytest.mark.behaviour("lists.duration")
def test_default_duration_and_account_scope(api: Api) -> None:
    audience_id = api.create(
        "Of the account", Scope="Account", ParentId=api.ready["account_id"], MembershipDuration=None
    )
    [found] = api.campaign("Audiences/QueryByIds", {"AudienceIds": [audience_id]}).json()["Audiences"]
    assert (found["MembershipDuration"], found["Scope"]) == (30, "Account")


@pytest.mark.behaviour("lists.fields", "lists.duration", "audiences.ids", "audiences.only-customer-lists")
@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"Name": ""}, [4838]),
        ({"Name": None}, [4838]),
        ({"Name": "x" * 129}, [4838]),
        ({"Description": "x" * 1025}, [4841]),
        ({"MembershipDuration": 0}, [4842]),
        ({"MembershipDuration": -2}, [4842]),
        ({"MembershipDuration": 391}, [4842]),
        ({"Scope": None}, [4849]),
        ({"Scope": "World"}, [4849]),
        ({"Scope": "Account"}, [4843]),
        ({"ParentId": "1"}, [4848]),
        ({"ParentId": None}, [4848]),
        ({"Id": "5"}, [4847]),
        ({"Type": "RemarketingList"}, [4859]),
        ({"Type": None}, [4859]),
        ({"Name": "x" * 129, "MembershipDuration": 0}, [4838, 4842]),
    ],
)
def test_impossible_lists_are_refused_by_their_codes(
    api: Api, changes: dict[str, Any], codes: list[int]
) -> None:
    body = {"Audiences": [api.audience("Refused") | changes]}
    answer = api.campaign("Audiences", body)
    assert partial(answer) == [(0, code) for code in codes]
    assert answer.json()["AudienceIds"] == [None]


@pytest.mark.behaviour("lists.fields", "lists.duration")
def test_limits_of_fields_are_inclusive(api: Api) -> None:
    assert api.create("n" * 128, Description="d" * 1024, MembershipDuration=390)
    assert api.create("short life", MembershipDuration=1)


@pytest.mark.behaviour("audiences.partial-success", "audiences.batch-limits")
def test_partial_success_and_duplicate_names(api: Api) -> None:
    body = {"Audiences": [api.audience("Twin"), None, api.audience("Twin"), api.audience("Single")]}
    answer = api.campaign("Audiences", body)
    assert partial(answer) == [(1, 4845), (2, 4853)]
    first, *failed, last = answer.json()["AudienceIds"]
    assert failed == [None, None]
    assert first.isdigit()
    assert last.isdigit()
    error = answer.json()["PartialErrors"][1]
    assert error["ErrorCode"] == "DuplicateAudienceName"
    assert error["Type"] == "BatchError"


@pytest.mark.behaviour("audiences.batch-limits", "audiences.empty-ids")
@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "Audiences", {"Audiences": []}, 4844),
        ("POST", "Audiences", {"Audiences": None}, 4844),
        ("POST", "Audiences", {"Audiences": [None] * 101}, 4850),
        ("PUT", "Audiences", {}, 4844),
        ("DELETE", "Audiences", {"AudienceIds": []}, 4851),
        ("DELETE", "Audiences", {"AudienceIds": ["1"] * 101}, 4852),
        ("POST", "Audiences/QueryByIds", {"AudienceIds": []}, 4851),
        ("POST", "Audiences/QueryByIds", {"AudienceIds": ["1"] * 101}, 4852),
        ("POST", "Audiences/QueryByIds", {"Type": "NoSuchType"}, 4859),
        ("POST", "CustomerListUserData/Apply", {}, 100),
    ],
)
def test_impossible_calls_are_refused_as_a_whole(
    api: Api, method: str, path: str, body: Any, code: int
) -> None:
    answer = api.campaign(path, body, method)
    assert (answer.status_code, numbers(answer)) == (400, [code])


@pytest.mark.behaviour("audiences.unknown-id")
def test_query_by_ids(api: Api) -> None:
    audience_id = api.create("By id")
    answer = api.campaign("Audiences/QueryByIds", {"AudienceIds": ["1", audience_id, audience_id]})
    assert partial(answer) == [(0, 4835), (2, 4837)]
    missing, found, again = answer.json()["Audiences"]
    assert (missing, again) == (None, None)
    assert found["Id"] == audience_id


@pytest.mark.behaviour("audiences.empty-ids", "audiences.only-customer-lists")
def test_query_by_types(api: Api) -> None:
    api.create("Typed")
    path = "Audiences/QueryByIds"
    for types in ("Custom, CustomerList", "CustomerList"):
        answer = api.campaign(path, {"Type": types, "AudienceIds": None})
        assert "Typed" in [audience["Name"] for audience in answer.json()["Audiences"]]
    assert api.campaign(path, {"Type": "Custom"}).json()["Audiences"] == []


@pytest.mark.behaviour("audiences.update")
def test_an_update_changes_only_the_given_fields(api: Api) -> None:
    audience_id = api.create("Before")
    change = {"Type": "CustomerList", "Id": audience_id, "Name": "After", "Description": "new"}
    assert partial(api.campaign("Audiences", {"Audiences": [change]}, "PUT")) == []
    [found] = api.campaign("Audiences/QueryByIds", {"AudienceIds": [audience_id]}).json()["Audiences"]
    assert (found["Name"], found["Description"], found["MembershipDuration"]) == ("After", "new", -1)
    assert api.create("Before")  # the old name is free again


@pytest.mark.behaviour("audiences.ids", "audiences.scope-change", "audiences.only-customer-lists")
def test_impossible_updates_are_refused_by_their_codes(api: Api) -> None:
    audience_id = api.create("Update me")
    api.create("Taken")
    changes: list[Any] = [
        None,
        {"Name": "No id"},
        {"Id": "1"},
        {"Id": audience_id, "Name": "Taken"},
        {"Id": audience_id, "Name": ""},
        {"Id": audience_id, "Scope": "Account"},
        {"Id": audience_id, "Scope": "World"},
        {"Id": audience_id, "MembershipDuration": 0},
        {"Id": audience_id, "Description": "x" * 1025},
        {"Id": audience_id, "Type": "Custom"},
    ]
    answer = api.campaign("Audiences", {"Audiences": changes}, "PUT")
    codes = [4845, 4846, 4835, 4853, 4838, 4855, 4849, 4842, 4841, 4861]
    assert partial(answer) == list(enumerate(codes))


@pytest.mark.behaviour("audiences.scope-change")
def test_scope_goes_from_account_to_customer(api: Api) -> None:
    audience_id = api.create("Widened", Scope="Account", ParentId=api.ready["account_id"])
    assert (
        partial(api.campaign("Audiences", {"Audiences": [{"Id": audience_id, "Scope": "Customer"}]}, "PUT"))
        == []
    )
    [found] = api.campaign("Audiences/QueryByIds", {"AudienceIds": [audience_id]}).json()["Audiences"]
    assert (found["Scope"], found["ParentId"]) == ("Customer", api.ready["customer_id"])


def test_deleting_refuses_unknown_used_and_repeated_ids(api: Api) -> None:
    audience_id = api.create("Delete me")
    api.apply(audience_id, "Add", hexes(range(3)))
    in_use = api.create("In use")
    api.control(f"audiences/{in_use}", {"associated": True})
    ids = [audience_id, "1", in_use, audience_id]
    answer = api.campaign("Audiences", {"AudienceIds": ids}, "DELETE")
    assert partial(answer) == [(1, 4835), (2, 4854), (3, 4837)]
    [shown] = [entry for entry in api.control("audiences") if entry["id"] == audience_id]
    assert (shown["deleted"], shown["members"]) == (True, 0)
    assert api.members(audience_id) == []
    assert partial(api.campaign("Audiences/QueryByIds", {"AudienceIds": [audience_id]})) == [(0, 4835)]
    assert api.create("Delete me") != audience_id


@pytest.mark.behaviour("audiences.sizes")
def test_sizes_come_after_a_day(api: Api) -> None:
    audience_id = api.create("Sized")
    api.apply(audience_id, "Add", hexes(range(7)))
    query = {"AudienceIds": [audience_id]}
    assert api.campaign("Audiences/QueryByIds", query).json()["Audiences"][0]["SearchSize"] is None
    api.control("clock", {"advance_seconds": 86_400})
    api.token = api.sign_in()["access_token"]
    [found] = api.campaign("Audiences/QueryByIds", query).json()["Audiences"]
    assert (found["SearchSize"], found["AudienceNetworkSize"]) == ("7", "7")


@pytest.mark.behaviour("limits.lists")
def test_limits_to_the_number_of_lists(api: Api) -> None:
    living = sum(not entry["deleted"] for entry in api.control("audiences"))
    api.control("settings", {"max_lists_per_customer": living + 1})
    api.create("Last one")
    answer = api.campaign("Audiences", {"Audiences": [api.audience("Too many")]})
    assert partial(answer) == [(0, 4866)]
    api.control("settings", {"max_lists_per_customer": None, "max_lists_per_account": 1})
    of_account = {"Scope": "Account", "ParentId": api.ready["account_id"]}
    codes = [
        partial(api.campaign("Audiences", {"Audiences": [api.audience(f"Mine {n}", **of_account)]}))
        for n in range(2)
    ]
    assert codes[-1] == [(0, 4865)]
