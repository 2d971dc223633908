"""The unmodified `bingads` SDK uses customer lists from creation to deletion in the simulator, over SOAP."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from tests.microsoft_advertising_simulator.api import Api, digest_hex, hexes
from tests.microsoft_advertising_simulator.conftest import Start
from tests.microsoft_advertising_simulator.sdk import Sdk, codes, errors

ENTITY_LIMIT = 1_000


@pytest.fixture(scope="module")
def clients() -> dict[str, Any]:
    """Shared, because creating a ServiceClient for Campaign Management takes most of a second."""
    return {}


@pytest.fixture
def sdk(api: Api, clients: dict[str, Any], tmp_path: Path) -> Sdk:
    """The SDK, signed in to the shared simulator."""
    return Sdk(api.ready, tmp_path, clients)


def member_count(api: Api, audience_id: int) -> int:
    [found] = [entry for entry in api.control("audiences") if entry["id"] == str(audience_id)]
    return int(found["members"])


@pytest.mark.behaviour("soap.paths", "soap.tracking-id", "soap.nil", "soap.prefixes")
def test_audiences_from_creation_to_deletion(api: Api, sdk: Sdk) -> None:
    lists = sdk.audiences(sdk.customer_list("SDK list", Description="Made by the SDK"), sdk.customer_list(""))
    answer = sdk.campaign.AddAudiences(Audiences=lists)
    assert len(sdk.campaign.get_response_header()["TrackingId"]) == 36
    number = answer.AudienceIds.long[0]
    [error] = errors(answer)
    assert (error.Index, error.Code, error.Type) == (1, 4838, "BatchError")

    found = sdk.campaign.GetAudiencesByIds(AudienceIds=sdk.ids(number), Type="CustomerList")
    [audience] = found.Audiences.Audience
    assert type(audience).__name__ == "CustomerList"
    assert (audience.Name, audience.Description, audience.Scope) == (
        "SDK list",
        "Made by the SDK",
        "Customer",
    )
    assert (audience.MembershipDuration, audience.Type) == (-1, "CustomerList")
    assert (audience.SearchSize, audience.AudienceNetworkSize, audience.CustomerShare) == (None, None, None)
    everything = sdk.campaign.GetAudiencesByIds(AudienceIds=None, Type="CustomerList InMarket")
    assert number in [each.Id for each in everything.Audiences.Audience if each is not None]
    assert sdk.campaign.GetAudiencesByIds(AudienceIds=None, Type="InMarket").Audiences in (None, "")

    change = sdk.customer_list("SDK list, renamed", Id=number)
    assert errors(sdk.campaign.UpdateAudiences(Audiences=sdk.audiences(change))) == []
    assert errors(sdk.campaign.DeleteAudiences(AudienceIds=sdk.ids(number))) == []
    again = sdk.campaign.GetAudiencesByIds(AudienceIds=sdk.ids(number), Type="CustomerList")
    assert [error.Code for error in errors(again)] == [4835]
    [entry] = [entry for entry in api.control("audiences") if entry["id"] == str(number)]
    assert (entry["name"], entry["deleted"]) == ("SDK list, renamed", True)


def test_members_are_applied(api: Api, sdk: Sdk) -> None:
    number = int(api.create("SDK apply"))
    assert errors(sdk.apply(number, "Add", hexes(range(5)))) == []
    assert errors(sdk.apply(number, "Remove", [digest_hex(0)])) == []
    assert api.members(str(number)) == hexes(range(1, 5))
    answer = sdk.apply(number, "Replace", [digest_hex(7), "plain@example.com", "X" * 64])
    assert [(error.Index, error.Code) for error in errors(answer)] == [(1, 8004), (2, 8004)]
    assert api.members(str(number)) == [digest_hex(7)]


def test_user_and_accounts(api: Api, sdk: Sdk) -> None:
    user = sdk.customer.GetUser(UserId=None).User
    assert (str(user.CustomerId), user.UserName) == (api.ready["customer_id"], "simulated.user")
    predicate = {"Predicate": [{"Field": "UserId", "Operator": "Equals", "Value": str(user.Id)}]}
    answer = sdk.customer.SearchAccounts(Predicates=predicate, PageInfo={"Index": 0, "Size": 10})
    assert [str(account.Id) for account in answer.AdvertiserAccount] == [api.ready["account_id"]]
    account = sdk.customer.GetAccount(AccountId=api.ready["account_id"])
    assert str(account.ParentCustomerId) == api.ready["customer_id"]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_the_sdk_wrote_is_uploaded_and_its_results_are_read(
    api: Api, sdk: Sdk, tmp_path: Path, zipped: bool
) -> None:
    name = f"SDK file {zipped}"
    entities = [sdk.bulk_list(name, id=-7), *sdk.bulk_items(-7, hexes(range(20)))]
    path = sdk.written(tmp_path / "upload.csv", entities)
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert len(next(csv.reader(file))) > 400  # all columns, as the SDK writes them
    results = sdk.upload_file(path, compress_upload_file=zipped)
    assert path.exists()  # rename_upload_file_to_match_request_id=False
    [made] = [entity for entity in results if type(entity).__name__ == "BulkCustomerList"]
    items = [entity for entity in results if type(entity).__name__ == "BulkCustomerListItem"]
    assert made.customer_list.Name == name
    assert made.customer_list.Id > 0
    assert {item.parent_id for item in items} == {made.customer_list.Id}
    assert sorted(item.text for item in items) == hexes(range(20))
    assert not any(entity.has_errors for entity in results)
    assert api.members(str(made.customer_list.Id)) == hexes(range(20))


def test_errors_of_rows_are_folded_into_their_entities(api: Api, sdk: Sdk, tmp_path: Path) -> None:
    number = int(api.create("SDK errors"))
    entities = [
        sdk.bulk_list(None, id=number, action="Add"),
        *sdk.bulk_items(number, [digest_hex(1), "plain@example.com"]),
        sdk.bulk_list(None, id=5, action="Add"),
        *sdk.bulk_items(5, [digest_hex(2)]),
    ]
    results = sdk.upload_file(sdk.written(tmp_path / "errors.csv", entities))
    seen = [
        (type(entity).__name__, [int(error.number) for error in entity.errors or ()]) for entity in results
    ]
    assert sorted(seen) == sorted(
        [
            ("BulkCustomerList", []),
            ("BulkCustomerList", [4835]),
            ("BulkCustomerListItem", []),
            ("BulkCustomerListItem", [8000]),
            ("BulkCustomerListItem", [8004]),
        ]
    )
    assert api.members(str(number)) == [digest_hex(1)]


@pytest.mark.parametrize(
    ("action", "expected"), [("Add", {1, 2, 3, 4}), ("Remove", {1}), ("Replace", {2, 3, 4})]
)
def test_each_action_changes_the_members(
    api: Api, sdk: Sdk, tmp_path: Path, action: str, expected: set[int]
) -> None:
    number = int(api.create(f"SDK {action}"))
    api.apply(str(number), "Add", hexes({1, 2}))
    entities = [sdk.bulk_list(None, id=number, action=action), *sdk.bulk_items(number, hexes({2, 3, 4}))]
    sdk.upload_file(sdk.written(tmp_path / "action.csv", entities))
    assert api.members(str(number)) == hexes(expected)


def test_an_upload_that_fails_as_a_whole(api: Api, sdk: Sdk, tmp_path: Path) -> None:
    from bingads.v13.bulk.exceptions import BulkException  # noqa: TID251 - tests may

    path = tmp_path / "old.csv"
    path.write_text("Type,Name\nFormat Version,5.0\n", encoding="utf-8-sig")
    with pytest.raises(BulkException) as caught:
        sdk.upload_file(path)
    assert [int(error.code) for error in caught.value.errors] == [3217]


@pytest.mark.faults
def test_the_token_is_renewed_in_the_middle_of_an_upload(api: Api, sdk: Sdk, tmp_path: Path) -> None:
    entities = [sdk.bulk_list("SDK renewal", id=-1), *sdk.bulk_items(-1, hexes(range(3)))]
    operation = sdk.submitted(sdk.written(tmp_path / "renewal.csv", entities))
    before = sdk.authentication.renewals
    api.control("tokens", {"expire_access": True})
    api.control("requests", method="DELETE")
    assert operation.track().status == "Completed"
    assert sdk.authentication.renewals == before + 1
    polls = [call for call in api.control("requests") if call["operation"] == "GetBulkUploadStatus"]
    assert (polls[0]["status"], polls[0]["codes"]) == (500, [109])
    assert polls[-1]["status"] == 200


@pytest.mark.faults
def test_a_token_that_expires_twice_is_a_fault(api: Api, sdk: Sdk) -> None:
    api.fault("GetUser", "fault", code=109, times=2)
    with pytest.raises(sdk.web_fault) as caught:
        sdk.customer.GetUser(UserId=None)
    assert codes(caught.value) == [109]
    assert sdk.customer.GetUser(UserId=None).User.UserName == "simulated.user"


@pytest.mark.faults
def test_a_revoked_sign_in_ends_with_the_sdks_own_error(start: Start, tmp_path: Path) -> None:
    from bingads.authorization import OAuthTokenRequestException  # noqa: TID251 - tests may

    simulator = start()
    sdk = Sdk(simulator.ready, tmp_path)
    simulator.api.control("tokens", {"expire_access": True, "revoke_refresh": True})
    with pytest.raises(OAuthTokenRequestException) as caught:
        sdk.customer.GetUser(UserId=None)
    assert caught.value.error_code == "invalid_grant"


@pytest.mark.faults
@pytest.mark.behaviour("soap.http-status", "soap.ad-api-fault", "soap.api-fault", "soap.faultstring")
@pytest.mark.parametrize("status", [500, 200])
def test_faults_are_web_faults_with_their_codes(api: Api, sdk: Sdk, status: int) -> None:
    api.control("settings", {"soap_fault_status": status})
    expected = {105: "AdApiFaultDetail", 117: "AdApiFaultDetail", 4204: "ApiFaultDetail"}
    for number, detail in expected.items():
        api.fault("GetBulkUploadUrl", "fault", code=number)
        with pytest.raises(
            sdk.web_fault, match=r"Invalid client data\. Check the SOAP fault details"
        ) as caught:
            sdk.bulk.GetBulkUploadUrl(ResponseMode="ErrorsOnly", AccountId=api.ready["account_id"])
        assert codes(caught.value) == [number]
        assert hasattr(caught.value.fault.detail, detail)
    api.fault("GetUser", "fault", code=1001)
    with pytest.raises(sdk.web_fault) as caught:
        sdk.customer.GetUser(UserId=None)
    assert codes(caught.value) == [1001]
    assert hasattr(caught.value.fault.detail, "ApiFault")
    with pytest.raises(sdk.web_fault) as caught:
        sdk.bulk.GetBulkUploadStatus(RequestId="nonsense")
    assert codes(caught.value) == [4201]


@pytest.mark.faults
def test_faults_that_never_became_soap(api: Api, sdk: Sdk) -> None:
    api.fault("GetUser", "raw", status=503, body="<h1>Service Unavailable</h1>")
    with pytest.raises(Exception, match="503"):
        sdk.customer.GetUser(UserId=None)
    api.fault("GetUser", "drop")
    with pytest.raises((ConnectionError, URLError)):
        sdk.customer.GetUser(UserId=None)
    assert sdk.customer.GetUser(UserId=None).User is not None


@pytest.mark.behaviour("soap.none")
def test_an_id_that_was_not_set_is_sent_as_the_text_none(api: Api, sdk: Sdk) -> None:
    sdk.authorization.customer_id = None
    with pytest.raises(sdk.web_fault) as caught:
        sdk.campaign.GetAudiencesByIds(AudienceIds=None, Type="CustomerList")
    assert codes(caught.value) == [116]
    assert sdk.customer.GetUser(UserId=None).User is not None  # needs none


def entities_of(sdk: Sdk, number: int, count: int) -> list[Any]:
    return [sdk.bulk_list(None, id=number, action="Add"), *sdk.bulk_items(number, hexes(range(count)))]


@pytest.fixture
def list_id(api: Api, request: pytest.FixtureRequest) -> int:
    """A new list for the test."""
    return int(api.create(request.node.name))


def test_few_entities_are_sent_as_records(api: Api, sdk: Sdk, list_id: int) -> None:
    results = sdk.upload_entities(entities_of(sdk, list_id, 50))
    assert len(results) == 51
    assert not any(entity.has_errors for entity in results)
    assert api.members(str(list_id)) == hexes(range(50))
    assert sdk.operations(api)[-1] == "UploadEntityRecords"


def test_errors_of_records_are_folded_into_their_entities(api: Api, sdk: Sdk, list_id: int) -> None:
    bad = [sdk.bulk_list(None, id=list_id, action="Add"), *sdk.bulk_items(list_id, [digest_hex(1), "plain"])]
    results = sdk.upload_entities(bad)
    assert [int(error.number) for entity in results for error in entity.errors or ()] == [8004]
    assert api.members(str(list_id)) == [digest_hex(1)]


@pytest.mark.parametrize("answer", ["async", "unsupported"])
def test_the_sdks_fallbacks_if_records_are_not_processed_at_once(
    api: Api, sdk: Sdk, list_id: int, answer: str
) -> None:
    api.control("settings", {"entity_records": answer})
    assert len(sdk.upload_entities(entities_of(sdk, list_id, 5))) == 6
    assert api.members(str(list_id)) == hexes(range(5))


def test_many_entities_are_sent_as_a_file(api: Api, sdk: Sdk, list_id: int) -> None:
    results = sdk.upload_entities(entities_of(sdk, list_id, ENTITY_LIMIT))
    assert len(results) == ENTITY_LIMIT + 1
    assert member_count(api, list_id) == ENTITY_LIMIT
    assert {"GetBulkUploadUrl", "UploadFile", "DownloadResult"} <= set(sdk.operations(api))


def test_lists_are_downloaded(api: Api, sdk: Sdk, list_id: int) -> None:
    entities = sdk.download_lists()
    found = {entity.customer_list.Id: entity for entity in entities}
    assert found[list_id].customer_list.Name == "test_lists_are_downloaded"
    assert found[list_id].status == "Active"
    assert {"DownloadCampaignsByAccountIds", "GetBulkDownloadStatus"} <= set(sdk.operations(api))
