"""Writing SOAP messages: order, namespaces, nil. Each message is valid by the SDK's WSDL."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.endpoints.soap.contract import SERVICES
from microsoft_advertising_simulator.endpoints.soap.reader import MessageError, read_message, read_record
from microsoft_advertising_simulator.endpoints.soap.writer import write_answer, write_fault, write_refusal
from tests.microsoft_advertising_simulator.wsdl import check

BULK, CAMPAIGN, CUSTOMER = SERVICES
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
STATUS = {
    "ResultFileUrl": None,
    "RequestStatus": "InProgress",
    "PercentComplete": 0,
    "ForwardCompatibilityMap": None,
    "Errors": None,
}


@pytest.mark.behaviour("soap.nil")
def test_elements_are_in_the_contracts_order_and_nil_is_explicit() -> None:
    content = check("BulkService", write_answer(BULK, "GetBulkUploadStatus", STATUS, "t"))
    assert [(etree.QName(part).localname, part.text, part.get(NIL)) for part in content] == [
        ("Errors", None, "true"),
        ("ForwardCompatibilityMap", None, "true"),
        ("PercentComplete", "0", None),
        ("RequestStatus", "InProgress", None),
        ("ResultFileUrl", None, "true"),
    ]


def test_missing_values_are_nil_except_the_percentage() -> None:
    content = check("BulkService", write_answer(BULK, "GetBulkUploadStatus", {}, "t"))
    assert [part.get(NIL) for part in content] == ["true", "true", None, "true", "true"]
    assert content[2].text == "0"


def test_values_outside_the_contract_are_rejected() -> None:
    with pytest.raises(KeyError, match="Typo"):
        write_answer(BULK, "GetBulkUploadStatus", {**STATUS, "Typo": 1}, "t")
    audience = {"Type": "CustomerList", "Id": "1"}
    with pytest.raises(KeyError, match="Code"):
        write_answer(CAMPAIGN, "DeleteAudiences", {"PartialErrors": [{"Index": 0}]}, "t")
    check(
        "CampaignManagementService",
        write_answer(CAMPAIGN, "GetAudiencesByIds", {"Audiences": [audience]}, "t"),
    )


def test_an_error_of_customer_management_has_no_error_code() -> None:
    content = check("CustomerManagementService", write_fault(CUSTOMER, ServiceFault(1001, "why"), "t"))
    [error] = content.iterfind(".//{*}OperationError")
    assert [etree.QName(part).localname for part in error] == ["Code", "Details", "Message"]
    assert [etree.QName(part).namespace for part in error] == [
        "https://bingads.microsoft.com/Customer/v13/Exception"
    ] * 3


@pytest.mark.behaviour("soap.ad-api-fault", "soap.api-fault")
@pytest.mark.parametrize(
    ("service", "number", "detail", "text"),
    [
        (BULK, 117, "{https://adapi.microsoft.com}AdApiFaultDetail", "Detail"),
        (CAMPAIGN, 106, "{https://adapi.microsoft.com}AdApiFaultDetail", "Detail"),
        (CUSTOMER, 105, "{https://adapi.microsoft.com}AdApiFaultDetail", "Detail"),
        (BULK, 4204, "{https://bingads.microsoft.com/CampaignManagement/v13}ApiFaultDetail", "Details"),
        (CAMPAIGN, 4844, "{https://bingads.microsoft.com/CampaignManagement/v13}ApiFaultDetail", "Details"),
        (CUSTOMER, 1001, "{https://bingads.microsoft.com/Customer/v13}ApiFault", "Details"),
    ],
)
def test_faults_are_written_with_their_code_and_details(
    service: Any, number: int, detail: str, text: str
) -> None:
    for details in ("why", None):
        content = check(service.name, write_fault(service, ServiceFault(number, details), "tracking"))
        [found] = content[2]
        assert found.tag == detail
        assert found.findtext("{https://adapi.microsoft.com}TrackingId") == "tracking"
        [shown] = found.iterfind(f".//{{*}}{text}")
        assert (shown.text, shown.get(NIL)) == (details, None if details else "true")


def test_several_codes_of_one_fault() -> None:
    content = check("BulkService", write_fault(BULK, ServiceFault((3217, 3219)), "t"))
    assert [code.text for code in content.iterfind(".//{*}Code")] == ["3217", "3219"]


def test_refusals_have_no_detail_and_a_code_that_resolves() -> None:
    for said, namespace in (
        ("Client", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("ActionNotSupported", "http://schemas.microsoft.com/ws/2005/05/addressing/none"),
    ):
        content = check("BulkService", write_refusal(BULK, MessageError(said, "why"), "t"))
        fault_code, reason = content
        prefix, _, name = str(fault_code.text).partition(":")
        assert (fault_code.nsmap[prefix], name, reason.text) == (namespace, said, "why")


@pytest.mark.slow
@given(st.text(), st.text())
def test_any_text_gives_a_valid_message_and_keeps_what_xml_allows(name: str, description: str) -> None:
    audience = {"Type": "CustomerList", "Name": name, "Description": description}
    answer = write_answer(CAMPAIGN, "GetAudiencesByIds", {"Audiences": [audience], "PartialErrors": []}, "t")
    content = check("CampaignManagementService", answer)
    message = read_message(answer)
    read_back = read_record(message.body, CAMPAIGN.messages["GetAudiencesByIds"].answer, "answer")
    [found] = read_back["Audiences"]
    assert content.tag == message.name
    for key in ("Name", "Description"):
        kept = "".join(c if c in "\t\n\r" or c >= " " else "\ufffd" for c in audience[key])
        expected = kept.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
        assert found[key] == expected
