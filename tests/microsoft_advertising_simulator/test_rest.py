"""REST conventions: headers, JSON shapes, faults, discovery of accounts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.microsoft_advertising_simulator.api import Api, numbers

QUERY = "/CampaignManagement/v13/Audiences/QueryByIds"
LISTS = {"Type": "CustomerList"}


@pytest.mark.behaviour("calls.credentials", "calls.http-status", "calls.missing-headers")
@pytest.mark.parametrize(
    ("headers", "status", "number"),
    [
        ({"Authorization": None}, 400, 116),
        ({"Authorization": "Basic abc"}, 400, 116),
        ({"DeveloperToken": None}, 400, 116),
        ({"CustomerId": None}, 400, 116),
        ({"CustomerAccountId": None}, 400, 116),
        ({"Authorization": "Bearer nonsense"}, 401, 105),
        ({"DeveloperToken": "nonsense"}, 401, 105),
        ({"CustomerId": "1"}, 403, 106),
        ({"CustomerAccountId": "1"}, 403, 106),
    ],
)
def test_wrong_credentials_are_refused_by_their_codes(
    api: Api, headers: dict[str, str | None], status: int, number: int
) -> None:
    answer = api.call(QUERY, LISTS, headers=headers)
    assert (answer.status_code, numbers(answer)) == (status, [number])
    body = answer.json()
    assert body["Type"] == "AdApiFaultDetail"
    assert set(body["Errors"][0]) == {"Code", "Detail", "ErrorCode", "Message"}
    assert body["TrackingId"] == answer.headers["TrackingId"]


@pytest.mark.behaviour("calls.http-status", "status.unknown-request")
def test_operation_faults_have_their_own_format(api: Api) -> None:
    answer = api.call("/Bulk/v13/BulkUploadStatus/Query", {"RequestId": "nonsense"})
    assert answer.status_code == 400
    body = answer.json()
    assert body["Type"] == "ApiFaultDetail"
    assert body["BatchErrors"] == []
    [error] = body["OperationErrors"]
    assert set(error) == {"Code", "Details", "ErrorCode", "Message"}
    assert (error["Code"], error["ErrorCode"]) == (4201, "BulkServiceInvalidRequestId")


@pytest.mark.behaviour("calls.strict-shapes", "calls.long-numbers")
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"AudienceIds": [1]}, "AudienceIds.0"),
        ({"AudienceIds": ["x"]}, "AudienceIds.0"),
        ({"Typ": "CustomerList"}, "Typ"),
        ([], "model_type"),
    ],
)
def test_wrong_shapes_name_the_place_but_not_the_value(api: Api, body: Any, place: str) -> None:
    answer = api.call(QUERY, body)
    assert (answer.status_code, numbers(answer)) == (400, [201])
    assert place in answer.json()["Errors"][0]["Detail"]


@pytest.mark.behaviour("calls.strict-shapes", "calls.long-numbers")
@pytest.mark.bad_input
def test_numbers_and_flags_must_have_their_json_type(api: Api) -> None:
    for wrong in ({"ParentId": int(api.ready["customer_id"])}, {"MembershipDuration": "30"}):
        body = {"Audiences": [api.audience("Typed", **wrong)]}
        assert numbers(api.campaign("Audiences", body)) == [201]
    assert numbers(api.apply("1", "Add", ["x"], AcceptCustomerMatchTerm="True")) == [201]


@pytest.mark.behaviour("calls.no-json")
@pytest.mark.bad_input
def test_bodies_that_are_not_json(api: Api) -> None:
    answer = api.http.post(QUERY, content=b"<xml/>", headers=api.headers())
    assert numbers(answer) == [100]


@pytest.mark.behaviour("calls.account-in-body")
def test_upload_url_needs_the_headers_account(api: Api) -> None:
    path = "/Bulk/v13/BulkUploadUrl/Query"
    assert numbers(api.call(path, {"ResponseMode": "ErrorsOnly"})) == [1030]
    assert numbers(api.call(path, {"ResponseMode": "ErrorsOnly", "AccountId": "1"})) == [106]
    assert numbers(api.call(path, {"ResponseMode": "Everything", "AccountId": "1"})) == [201]


@pytest.mark.behaviour("calls.customer-management")
def test_discovery_of_user_and_accounts(api: Api) -> None:
    bare: dict[str, str | None] = {"CustomerId": None, "CustomerAccountId": None}
    user = api.call("/CustomerManagement/v13/User/Query", {"UserId": None}, headers=bare).json()
    assert user["User"]["CustomerId"] == api.ready["customer_id"]
    search = {
        "Predicates": [{"Field": "UserId", "Operator": "Equals", "Value": user["User"]["Id"]}],
        "PageInfo": {"Index": 0, "Size": 10},
    }
    [account] = api.call("/CustomerManagement/v13/Accounts/Search", search, headers=bare).json()["Accounts"]
    assert account["Id"] == api.ready["account_id"]
    search["PageInfo"] = {"Index": 1, "Size": 10}
    assert api.call("/CustomerManagement/v13/Accounts/Search", search).json()["Accounts"] == []
    path = "/CustomerManagement/v13/Account/Query"
    found = api.call(path, {"AccountId": api.ready["account_id"]}, headers=bare).json()["Account"]
    assert found["ParentCustomerId"] == api.ready["customer_id"]
    assert numbers(api.call(path, {"AccountId": "1"}, headers=bare)) == [106]
    assert numbers(api.call("/CustomerManagement/v13/User/Query", {"UserId": "1"}, headers=bare)) == [106]
    assert numbers(api.call("/CustomerManagement/v13/Accounts/Search", {}, headers=bare)) == [201]


@pytest.mark.behaviour("calls.http-status", "limits.calls")
def test_too_many_calls_in_a_minute(api: Api) -> None:
    api.control("clock", {"advance_seconds": 61})
    api.control("settings", {"calls_per_minute": 2})
    statuses = [api.call(QUERY, LISTS) for _ in range(3)]
    assert [answer.status_code for answer in statuses] == [200, 200, 429]
    assert numbers(statuses[2]) == [117]
    api.control("clock", {"advance_seconds": 61})
    assert api.call(QUERY, LISTS).status_code == 200


@pytest.mark.behaviour("limits.upload-urls")
def test_too_many_upload_urls(api: Api) -> None:
    api.control("clock", {"advance_seconds": 901})
    api.control("settings", {"upload_urls_per_15_minutes": 1})
    api.request_url()
    body = {"ResponseMode": "ErrorsOnly", "AccountId": api.ready["account_id"]}
    answer = api.call("/Bulk/v13/BulkUploadUrl/Query", body)
    assert (answer.status_code, numbers(answer)) == (400, [4204])
    api.control("clock", {"advance_seconds": 901})
    assert api.request_url()


@pytest.mark.behaviour("calls.tracking-id")
def test_every_answer_has_a_tracking_id(api: Api) -> None:
    answers = [
        api.call(QUERY, LISTS),
        api.call(QUERY, {"Typ": 1}),
        api.call(QUERY, LISTS, headers={"Authorization": None}),
        api.call("/Bulk/v13/BulkUploadStatus/Query", {"RequestId": "nonsense"}),
        api.call("/CustomerManagement/v13/User/Query", {"UserId": None}),
        api.campaign("Audiences", {"Audiences": [api.audience("")]}),
    ]
    found = [answer.headers["TrackingId"] for answer in answers]
    assert len(set(found)) == len(found)
    assert all(found)


@pytest.mark.behaviour("calls.pilot-features")
def test_the_features_of_a_customer(api: Api) -> None:
    path, bare = "/CustomerManagement/v13/CustomerPilotFeatures/Query", {"CustomerAccountId": None}
    own = {"CustomerId": api.ready["customer_id"]}
    assert api.call(path, own, headers=bare).json() == {"FeaturePilotFlags": [579]}
    assert numbers(api.call(path, {"CustomerId": "1"}, headers=bare)) == [106]
    api.control("settings", {"pilot_features": []})
    assert api.call(path, own).json() == {"FeaturePilotFlags": []}
