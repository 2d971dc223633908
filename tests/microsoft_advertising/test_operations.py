"""The operations: requests, and how answers are read. No I/O."""

from __future__ import annotations

import numpy as np
import pytest

from microsoft_advertising import operations
from microsoft_advertising.environment import Service
from microsoft_advertising.error_codes import ERRORS, Reaction
from microsoft_advertising.faults import ServiceError
from microsoft_advertising.models import Action, Audience, UploadState, UploadStatus

DIGESTS = np.full((2, 32), 7, dtype=np.uint8)


def listed(identifier: str, name: str, **more: object) -> dict[str, object]:
    return {"Id": identifier, "Name": name, "Type": "CustomerList", "Scope": "Customer", **more}


def test_audiences_are_read_past_nulls() -> None:
    answer = {
        "Audiences": [
            None,
            listed("12", "VIP", SearchSize="1000", MembershipDuration=-1, Description=None),
            listed("13", "vip", AudienceNetworkSize=0),
        ]
    }
    assert operations.list_audiences().read(answer) == [
        Audience("12", "VIP", "", "Customer", -1, 1000, None),
        Audience("13", "vip", "", "Customer", None, None, 0),
    ]
    assert operations.list_audiences().read({"Audiences": None}) == []


def test_listing_names_no_ids() -> None:
    assert operations.list_audiences().body == {"Type": "CustomerList"}, "an empty list of ids is refused"


def test_an_audience_by_id_is_matched_by_id() -> None:
    operation = operations.get_audience("13")
    assert operation.body == {"AudienceIds": ["13"], "Type": "CustomerList"}
    assert operation.read({"Audiences": [None]}) is None
    assert operation.read({}) is None
    assert operation.read({"Audiences": [listed("12", "a"), listed("13", "b")]}) == Audience("13", "b")


@pytest.mark.parametrize(("scope", "parent"), [("Customer", "111"), ("Account", "222")])
def test_a_new_audience_belongs_to_its_scope(scope: str, parent: str) -> None:
    operation = operations.create_audience(
        "VIP",
        customer_id="111",
        account_id="222",
        description="d",
        scope=scope,  # type: ignore[arg-type]  # of the two words
    )
    assert operation.body == {
        "Audiences": [
            {
                "Type": "CustomerList",
                "Name": "VIP",
                "Description": "d",
                "Scope": scope,
                "ParentId": parent,
                "MembershipDuration": -1,
            }
        ]
    }
    assert operation.read({"AudienceIds": ["900"], "PartialErrors": []}) == "900"
    assert not operation.repeatable
    answers: list[dict[str, object]] = [{}, {"AudienceIds": [None]}, {"AudienceIds": []}]
    for broken in answers:
        with pytest.raises((KeyError, IndexError, ValueError)):
            operation.read(broken)


def test_methods_and_paths() -> None:
    table = {
        operation.name: (operation.service, operation.method, operation.path)
        for operation in (
            operations.list_audiences(),
            operations.create_audience("n", customer_id="1", account_id="2", description=""),
            operations.delete_audience("1"),
            operations.apply_members("1", Action.ADD, DIGESTS),
            operations.request_upload(account_id="2"),
            operations.upload_status("r"),
            operations.get_user(),
            operations.get_account("2"),
            operations.update_audience("1", name="n"),
            operations.pilot_features("1"),
            operations.search_accounts("3"),
        )
    }
    assert table == {
        "GetAudiencesByIds": (Service.CAMPAIGN, "POST", "/Audiences/QueryByIds"),
        "AddAudiences": (Service.CAMPAIGN, "POST", "/Audiences"),
        "DeleteAudiences": (Service.CAMPAIGN, "DELETE", "/Audiences"),
        "ApplyCustomerListUserData": (Service.CAMPAIGN, "POST", "/CustomerListUserData/Apply"),
        "GetBulkUploadUrl": (Service.BULK, "POST", "/BulkUploadUrl/Query"),
        "GetBulkUploadStatus": (Service.BULK, "POST", "/BulkUploadStatus/Query"),
        "GetUser": (Service.CUSTOMER, "POST", "/User/Query"),
        "GetAccount": (Service.CUSTOMER, "POST", "/Account/Query"),
        "UpdateAudiences": (Service.CAMPAIGN, "PUT", "/Audiences"),
        "GetCustomerPilotFeatures": (Service.CUSTOMER, "POST", "/CustomerPilotFeatures/Query"),
        "SearchAccounts": (Service.CUSTOMER, "POST", "/Accounts/Search"),
    }


def test_an_operation_shows_no_digest() -> None:
    operation = operations.apply_members("1", Action.ADD, DIGESTS)
    assert "07" * 32 in str(operation.body)
    assert "07" * 32 not in repr(operation)


def test_only_codes_about_rows_are_about_items() -> None:
    about = operations.apply_members("1", Action.ADD, DIGESTS).about_items
    assert about == {code for code, entry in ERRORS.items() if entry.reaction is Reaction.REJECT_ROW}
    assert about == {8002, 8004, 8005, 8006}


def test_an_update_sends_only_changed_fields() -> None:
    bare = {"Type": "CustomerList", "Id": "12"}
    assert operations.update_audience("12", name="VIP").body == {"Audiences": [bare | {"Name": "VIP"}]}
    whole = operations.update_audience(
        "12", name="n", description="", scope="Customer", membership_duration=-1
    )
    assert whole.body == {
        "Audiences": [bare | {"Name": "n", "Description": "", "Scope": "Customer", "MembershipDuration": -1}]
    }
    assert whole.read({"PartialErrors": None}) is None
    assert whole.repeatable


@pytest.mark.parametrize(
    ("answer", "features"),
    [({"FeaturePilotFlags": [579, "580"]}, {579, 580}), ({"FeaturePilotFlags": None}, set()), ({}, set())],
)
def test_pilot_features_are_read_as_numbers(answer: dict[str, object], features: set[int]) -> None:
    operation = operations.pilot_features("111")
    assert operation.body == {"CustomerId": "111"}
    assert operation.read(answer) == features


def test_tickets_hide_their_url() -> None:
    operation = operations.request_upload(account_id="222")
    assert operation.body == {"ResponseMode": "ErrorsOnly", "AccountId": "222"}
    ticket = operation.read({"RequestId": "r-1", "UploadUrl": "https://upload-secret"})
    assert (ticket.request_id, ticket.upload_url) == ("r-1", "https://upload-secret")
    assert "upload-secret" not in repr(ticket)


def test_an_upload_s_status_is_read_with_its_errors() -> None:
    read = operations.upload_status("r-1").read
    running = read(
        {"RequestStatus": "InProgress", "PercentComplete": 40, "ResultFileUrl": None, "Errors": None}
    )
    assert running == UploadStatus(UploadState.IN_PROGRESS, 40)
    done = read(
        {"RequestStatus": "Completed", "PercentComplete": 100, "ResultFileUrl": "https://result-secret"}
    )
    assert done.result_url == "https://result-secret"
    assert "result-secret" not in repr(done)
    error = {
        "Code": 3217,
        "ErrorCode": "BulkServiceFormatVersionNotSupported",
        "Message": "x",
        "Details": None,
    }
    failed = read({"RequestStatus": "Failed", "PercentComplete": 0, "ResultFileUrl": "", "Errors": [error]})
    assert failed.errors == (ServiceError(3217, "BulkServiceFormatVersionNotSupported"),)
    assert failed.result_url is None


@pytest.mark.parametrize(
    ("word", "final", "succeeded"),
    [
        ("PendingFileUpload", False, False),
        ("FileUploaded", False, False),
        ("InProgress", False, False),
        ("Completed", True, True),
        ("CompletedWithErrors", True, True),
        ("Failed", True, False),
        ("UploadFileRowCountExceeded", True, False),
        ("UploadFileFormatNotSupported", True, False),
        ("Expired", True, False),
        ("Aborted", True, False),
        ("SomethingNew", False, False),
    ],
)
def test_each_state_is_final_or_successful_as_documented(word: str, final: bool, succeeded: bool) -> None:
    status = operations.upload_status("r").read({"RequestStatus": word, "PercentComplete": 0})
    assert (status.state.final, status.state.succeeded) == (final, succeeded)


def test_who_we_are() -> None:
    assert operations.get_user().read({"User": {"Id": "5", "UserName": "jane"}}) == ("5", "jane")
    account = operations.get_account("222").read(
        {"Account": {"Id": "222", "Name": "Contoso", "Number": "F1", "AccountLifeCycleStatus": "Active"}}
    )
    assert (account.id, account.name, account.number, account.status) == ("222", "Contoso", "F1", "Active")
