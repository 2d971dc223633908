"""Every SOAP answer against the WSDL that the SDK ships: by libxml2's XML Schema and by zeep in strict mode."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zeep.exceptions
from lxml import etree

from microsoft_advertising_simulator.endpoints.soap.contract import SERVICES
from microsoft_advertising_simulator.operations import OPERATIONS
from tests.microsoft_advertising_simulator.api import Api, bulk_csv, digest_hex, item_row, list_row
from tests.microsoft_advertising_simulator.wsdl import StrictClient, check

CAMPAIGN = "https://bingads.microsoft.com/CampaignManagement/v13"
ENTITIES = "https://bingads.microsoft.com/Customer/v13/Entities"

Connect = Callable[[str], StrictClient]


@pytest.fixture
def connect(api: Api) -> Connect:
    """A strict client of one of the services."""
    return lambda service: StrictClient(service, api.ready, api.token)


def customer_list(client: StrictClient, api: Api, **changes: Any) -> Any:
    values = {"Scope": "Customer", "ParentId": api.ready["customer_id"], "MembershipDuration": -1}
    return client.new(CAMPAIGN, "CustomerList", **(values | changes))


def added(client: StrictClient, api: Api, *names: str) -> Any:
    lists = [customer_list(client, api, Name=name) for name in names]
    return client.call("AddAudiences", Audiences={"Audience": lists})


def codes(error: zeep.exceptions.Fault) -> list[int]:
    return [int(number) for number in error.detail.xpath("//*[local-name()='Code']/text()")]


def test_audiences_with_success_nil_and_partial_errors(api: Api, connect: Connect) -> None:
    client = connect("CampaignManagementService")
    answer = added(client, api, "Strict", "")
    number, nothing = answer.AudienceIds["long"]
    assert nothing is None
    [error] = answer.PartialErrors.BatchError
    assert (error.Index, error.Code, error.Type, error.Details) == (1, 4838, "BatchError", None)

    found = client.call("GetAudiencesByIds", AudienceIds={"long": [5, number]}, Type=["CustomerList"])
    audience = found.Audiences.Audience[1]
    assert {"Audience", "ForwardCompatibilityMap", "SearchSize", "CustomerShare"} <= client.nils()
    assert type(audience).__name__ == "CustomerList"
    assert (audience.Id, audience.Name, audience.SearchSize) == (number, "Strict", None)
    assert [error.Code for error in found.PartialErrors.BatchError] == [4835]

    renamed = customer_list(client, api, Id=number, Name="Strictly")
    answer = client.call("UpdateAudiences", Audiences={"Audience": [renamed, customer_list(client, api)]})
    assert [(error.Index, error.Code) for error in answer.PartialErrors.BatchError] == [(1, 4846)]
    everything = client.call("GetAudiencesByIds", Type=["CustomerList"])
    assert "Strictly" in [each.Name for each in everything.Audiences.Audience]

    assert client.call("DeleteAudiences", AudienceIds={"long": [number]}).PartialErrors is None
    again = client.call("DeleteAudiences", AudienceIds={"long": [number]})
    assert [error.Code for error in again.PartialErrors.BatchError] == [4835]
    assert client.checked == [
        "AddAudiencesResponse",
        "GetAudiencesByIdsResponse",
        "UpdateAudiencesResponse",
        "GetAudiencesByIdsResponse",
        "DeleteAudiencesResponse",
        "DeleteAudiencesResponse",
    ]


def test_sizes_are_numbers_after_a_day(api: Api, connect: Connect) -> None:
    client = connect("CampaignManagementService")
    [number] = added(client, api, "Sized strictly").AudienceIds["long"]
    api.apply(str(number), "Add", [digest_hex(1), digest_hex(2)])
    api.control("settings", {"size_delay_seconds": 0})
    found = client.call("GetAudiencesByIds", AudienceIds={"long": [number]}, Type=["CustomerList"])
    [audience] = found.Audiences.Audience
    assert (audience.SearchSize, audience.AudienceNetworkSize) == (2, 2)


def test_members_are_applied_by_the_strict_client(api: Api, connect: Connect) -> None:
    client = connect("CampaignManagementService")
    [number] = added(client, api, "Applied strictly").AudienceIds["long"]
    data = {
        "ActionType": "Add",
        "AudienceId": number,
        "CustomerListItemSubType": "Email",
        "CustomerListItems": {"string": [digest_hex(1), "plain", ""]},
    }
    answer = client.call("ApplyCustomerListUserData", CustomerListUserData=data)
    assert [(error.Index, error.Code) for error in answer.PartialErrors.BatchError] == [(1, 8004), (2, 8006)]
    data["CustomerListItems"] = {"string": [digest_hex(2)]}
    answer = client.call("ApplyCustomerListUserData", CustomerListUserData=data)
    assert answer.PartialErrors is None
    assert api.members(str(number)) == sorted([digest_hex(1), digest_hex(2)])


def test_bulk_upload_in_all_its_states(api: Api, connect: Connect) -> None:
    client = connect("BulkService")
    account = int(api.ready["account_id"])
    opened = client.call("GetBulkUploadUrl", ResponseMode="ErrorsAndResults", AccountId=account)
    pending = client.call("GetBulkUploadStatus", RequestId=opened.RequestId)
    assert (pending.RequestStatus, pending.PercentComplete) == ("PendingFileUpload", 0)
    assert client.nils() == {"Errors", "ForwardCompatibilityMap", "ResultFileUrl"}
    rows = [list_row(Id="-1", Audience="Strict bulk", Scope="Customer"), item_row("-1", digest_hex(1))]
    assert api.post_file(opened.UploadUrl, bulk_csv(*rows)).status_code == 200
    api.finished(opened.RequestId)
    done = client.call("GetBulkUploadStatus", RequestId=opened.RequestId)
    assert (done.RequestStatus, done.PercentComplete) == ("Completed", 100)
    assert done.ResultFileUrl.startswith(api.ready["base_url"])

    failed = api.upload(bulk_csv(version="5.0"))
    request_id = api.control("uploads")[-1]["request_id"]
    status = client.call("GetBulkUploadStatus", RequestId=request_id)
    assert (status.RequestStatus, status.PercentComplete) == (failed["RequestStatus"], 0)
    assert [error.Code for error in status.Errors.OperationError] == [3217]


def test_user_and_accounts(api: Api, connect: Connect) -> None:
    client = connect("CustomerManagementService")
    answer = client.call("GetUser")
    assert answer.User.UserName == "simulated.user"
    assert {"ContactInfo", "Lcid", "TimeStamp", "AccountIds"} <= client.nils()
    assert [role.CustomerId for role in answer.CustomerRoles.CustomerRole] == [answer.User.CustomerId]
    predicate = {"Field": "UserId", "Operator": "Equals", "Value": str(answer.User.Id)}
    search = {"Predicates": {"Predicate": [predicate]}, "PageInfo": {"Index": 0, "Size": 10}}
    accounts = client.call("SearchAccounts", **search)
    assert [account.Id for account in accounts.Accounts.AdvertiserAccount] == [int(api.ready["account_id"])]
    search["PageInfo"] = {"Index": 1, "Size": 10}
    assert client.call("SearchAccounts", **search).Accounts is None
    account = client.call("GetAccount", AccountId=int(api.ready["account_id"])).Account
    assert (account.CurrencyCode, account.PauseReason) == ("EUR", None)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("BulkService", "GetBulkUploadStatus", {"RequestId": "x"}),
        ("CampaignManagementService", "GetAudiencesByIds", {"Type": ["CustomerList"]}),
        ("CustomerManagementService", "GetUser", {}),
    ],
)
def test_faults_of_both_kinds(
    api: Api, connect: Connect, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    client = connect(service)
    for number, status in ((117, 500), (4204, 500), (105, 200), (4201, 200)):
        api.control("settings", {"soap_fault_status": status})
        api.fault(operation, "fault", code=number)
        with pytest.raises(zeep.exceptions.Fault, match="Invalid client data") as caught:
            client.call(operation, **arguments)
        assert codes(caught.value) == [number]
    assert client.checked == ["Fault"] * 4


def test_faults_that_operations_raise(api: Api, connect: Connect) -> None:
    for service, operation, arguments, number in (
        ("BulkService", "GetBulkUploadUrl", {"ResponseMode": "ErrorsOnly", "AccountId": 1}, 106),
        ("BulkService", "GetBulkUploadStatus", {"RequestId": "nonsense"}, 4201),
        ("CampaignManagementService", "GetAudiencesByIds", {"AudienceIds": {"long": []}}, 4851),
        ("CustomerManagementService", "GetAccount", {"AccountId": 1}, 106),
    ):
        with pytest.raises(zeep.exceptions.Fault) as caught:
            connect(service).call(operation, **arguments)
        assert codes(caught.value) == [number], operation


def test_the_check_itself_sees_what_is_wrong() -> None:
    good = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
        f'<h:TrackingId xmlns:h="{CAMPAIGN}">x</h:TrackingId></s:Header><s:Body>'
        f'<GetBulkUploadUrlResponse xmlns="{CAMPAIGN}"><RequestId>a</RequestId><UploadUrl>b</UploadUrl>'
        "</GetBulkUploadUrlResponse></s:Body></s:Envelope>"
    )
    check("BulkService", good.encode())
    swapped = good.replace("<RequestId>a</RequestId><UploadUrl>b</UploadUrl>", "<UploadUrl/><RequestId/>")
    for bad in (swapped, good.replace("RequestId", "RequestID")):
        with pytest.raises(etree.DocumentInvalid):
            check("BulkService", bad.encode())
    with pytest.raises(AssertionError):
        check("BulkService", good.replace("TrackingId", "Tracking").encode())


def smallest_calls(api: Api) -> dict[str, dict[str, Any]]:
    """Arguments of a call that succeeds, for every operation."""
    account = int(api.ready["account_id"])
    listed = int(api.create(f"Smallest {len(api.control('audiences'))}"))
    request_id, _ = api.request_url()
    records = ["Type,Name", "Format Version,6.0"]
    download = {
        "AccountIds": {"long": [account]},
        "DataScope": ["EntityData"],
        "DownloadEntities": {"DownloadEntity": ["CustomerLists"]},
        "DownloadFileType": "Csv",
        "FormatVersion": "6.0",
    }
    body = download | {"AccountIds": [str(account)], "DataScope": "EntityData"}
    body["DownloadEntities"] = ["CustomerLists"]
    downloading = api.call("/Bulk/v13/Campaigns/DownloadByAccountIds", body).json()["DownloadRequestId"]
    user_data = {
        "ActionType": "Add",
        "AudienceId": listed,
        "CustomerListItemSubType": "Email",
        "CustomerListItems": {"string": [digest_hex(1)]},
    }
    predicates = {"Predicate": [{"Field": "AccountId", "Operator": "Equals", "Value": str(account)}]}
    return {
        "GetBulkUploadUrl": {"ResponseMode": "ErrorsOnly", "AccountId": account},
        "GetBulkUploadStatus": {"RequestId": request_id},
        "UploadEntityRecords": {
            "EntityRecords": {"string": records},
            "ResponseMode": "ErrorsAndResults",
            "AccountId": account,
        },
        "DownloadCampaignsByAccountIds": download,
        "GetBulkDownloadStatus": {"RequestId": downloading},
        "AddAudiences": {"Audiences": {"Audience": []}},
        "UpdateAudiences": {"Audiences": {"Audience": []}},
        "DeleteAudiences": {"AudienceIds": {"long": [listed]}},
        "GetAudiencesByIds": {"AudienceIds": {"long": [listed]}, "Type": ["CustomerList"]},
        "ApplyCustomerListUserData": {"CustomerListUserData": user_data},
        "GetUser": {},
        "SearchAccounts": {"Predicates": predicates, "PageInfo": {"Index": 0, "Size": 10}},
        "GetAccount": {"AccountId": account},
        "GetCustomerPilotFeatures": {"CustomerId": int(api.ready["customer_id"])},
    }


@pytest.mark.behaviour("soap.contract")
@pytest.mark.parametrize("operation", [operation.name for operation in OPERATIONS])
def test_every_operation_answers_as_its_wsdl_says(api: Api, connect: Connect, operation: str) -> None:
    [service] = [contract.name for contract in SERVICES if operation in contract.messages]
    client = connect(service)
    arguments = smallest_calls(api)[operation]
    if operation in ("AddAudiences", "UpdateAudiences"):
        changes = {"Name": "Smallest"} if operation == "AddAudiences" else {"Id": 5}
        arguments["Audiences"]["Audience"].append(customer_list(client, api, **changes))
    client.call(operation, **arguments)
    assert client.checked == [f"{operation}Response"]
    for number in (109, 3227):
        api.fault(operation, "fault", code=number)
        with pytest.raises(zeep.exceptions.Fault) as caught:
            client.call(operation, **arguments)
        assert codes(caught.value) == [number]


def test_entity_records_in_all_their_answers(api: Api, connect: Connect) -> None:
    client = connect("BulkService")
    number = api.create("Strict records")
    lines = bulk_csv(
        list_row(Id=number, Action_Type="Add"), item_row(number, digest_hex(1)), item_row(number, "plain"),
        bom=False,
    ).decode().splitlines()  # fmt: skip
    arguments = {
        "EntityRecords": {"string": lines},
        "ResponseMode": "ErrorsAndResults",
        "AccountId": int(api.ready["account_id"]),
    }
    answer = client.call("UploadEntityRecords", **arguments)
    assert (answer.RequestStatus, answer.RequestId) == ("CompletedWithErrors", None)
    assert client.nils() == {"Errors", "RequestId"}
    assert sum("Customer List Item Error" in line for line in answer.EntityRecords["string"]) == 1
    api.control("settings", {"entity_records": "async"})
    answer = client.call("UploadEntityRecords", **arguments)
    assert answer.RequestStatus == "InProgress"
    assert client.nils() == {"EntityRecords", "Errors"}
    assert api.finished(answer.RequestId)["RequestStatus"] == "CompletedWithErrors"
    api.control("settings", {"entity_records": "unsupported"})
    with pytest.raises(zeep.exceptions.Fault) as caught:
        client.call("UploadEntityRecords", **arguments)
    assert codes(caught.value) == [204]


def test_a_download_is_read_by_the_strict_client(api: Api, connect: Connect) -> None:
    client = connect("BulkService")
    arguments = smallest_calls(api)["DownloadCampaignsByAccountIds"]
    # Another test may have moved the clock, and the last time may not be longer ago than a month.
    since = datetime.now(UTC) + timedelta(seconds=api.control("clock")["ahead_seconds"]) - timedelta(days=5)
    arguments |= {"CompressionType": "GZip", "LastSyncTimeInUTC": since}
    started = client.call("DownloadCampaignsByAccountIds", **arguments)
    status = client.call("GetBulkDownloadStatus", RequestId=started.DownloadRequestId)
    assert status.RequestStatus in ("InProgress", "Completed")
    with pytest.raises(zeep.exceptions.Fault) as caught:
        client.call("GetBulkDownloadStatus", RequestId="nonsense")
    assert codes(caught.value) == [3205]
