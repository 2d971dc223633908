"""Envelopes: requests are equal to those of Microsoft's SDK, and answers have REST's shape."""

from __future__ import annotations

import time
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.errors import ConfigurationError
from microsoft_advertising import limits, operations
from microsoft_advertising.environment import Service
from microsoft_advertising.operations import Operation
from microsoft_advertising.transport import sdk, soap_xml

CREDENTIALS = {
    "AuthenticationToken": "token<&>",
    "CustomerAccountId": "222",
    "CustomerId": "111",
    "DeveloperToken": "developer&amp;",
}
CAMPAIGN = "https://bingads.microsoft.com/CampaignManagement/v13"
NIL = 'i:nil="true"'


def create(**changes: Any) -> Operation[str]:
    values = {"name": "VIP", "customer_id": "111", "account_id": "222", "description": "d"}
    return operations.create_audience(**(values | changes))


def other(name: str, body: dict[str, Any]) -> Operation[None]:
    return Operation(name, Service.CAMPAIGN, "POST", "/", body, lambda _: None)


def shape(content: bytes) -> Any:
    """An envelope without prefixes: tag, text, attributes, children."""
    prefixes: dict[str, str] = {}
    parser = ET.XMLPullParser(["start-ns", "start"])
    parser.feed(content)
    for event, what in parser.read_events():
        if event == "start-ns" and isinstance(what, tuple):
            prefixes[what[0]] = what[1]

    def part(element: ET.Element) -> Any:
        attributes = {
            name: prefixes[value.partition(":")[0]] + value.partition(":")[2] if ":" in value else value
            for name, value in element.attrib.items()
        }
        return element.tag, element.text, attributes, [part(child) for child in element]

    return part(ET.fromstring(content))


OPERATIONS = [
    operations.list_audiences(),
    operations.get_audience("12"),
    create(),
    create(scope="Account", membership_duration=30, description=""),
    operations.delete_audience("12"),
    operations.request_upload(account_id="222"),
    operations.upload_status("11111111-2222-3333-4444-555555555555"),
    operations.get_user(),
    operations.get_account("222"),
    other("UpdateAudiences", {"Audiences": [{"Type": "CustomerList", "Id": "5", "Name": "x"}]}),
    other(
        "ApplyCustomerListUserData",
        {
            "CustomerListUserData": {
                "AudienceId": "9",
                "CustomerListItems": ["ab", "cd"],
                "CustomerListItemSubType": "Email",
                "ActionType": "Add",
                "AcceptCustomerMatchTerm": True,
            }
        },
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_we_write_what_the_sdk_writes(operation: Operation[Any]) -> None:
    assert shape(soap_xml.compose(operation, CREDENTIALS)) == shape(sdk.compose(operation, CREDENTIALS))


_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n&<>;\"'")).filter(
    lambda text: not any(mark in text for mark in "\ufffe\uffff")
)


@pytest.mark.slow
@given(name=_TEXTS, description=_TEXTS)
def test_texts_arrive_unchanged(name: str, description: str) -> None:
    """With both composers: suds itself treats `&amp;` as escaped already, and sends `&`."""
    operation = create(name=name, description=description)
    for content in (soap_xml.compose(operation, CREDENTIALS), sdk.compose(operation, CREDENTIALS)):
        root = ET.fromstring(content)
        assert root.findtext(f".//{{{CAMPAIGN}}}Name") == name
        assert root.findtext(f".//{{{CAMPAIGN}}}Description") == description


@pytest.mark.parametrize("character", ["\x00", "\r", "\x1f", "\ud800", "\uffff"])
def test_characters_that_xml_does_not_allow_are_reported(character: str) -> None:
    with pytest.raises(ConfigurationError, match="control character"):
        soap_xml.compose(create(name=f"a{character}b"), CREDENTIALS)


def test_fields_outside_the_table_are_rejected() -> None:
    with pytest.raises(LookupError, match="Audience has no Colour"):
        soap_xml.compose(other("AddAudiences", {"Audiences": [{"Colour": 1}]}), CREDENTIALS)


def test_nil_missing_and_null_items() -> None:
    body = {"Audiences": [None, {"Type": "CustomerList", "Name": None}]}
    root = ET.fromstring(soap_xml.compose(other("AddAudiences", body), CREDENTIALS))
    nothing, audience = root.findall(f".//{{{CAMPAIGN}}}Audience")
    nil = "{http://www.w3.org/2001/XMLSchema-instance}nil"
    assert nothing.get(nil) == "true"
    assert [child.get(nil) for child in audience] == ["true", None]
    assert audience.find(f"{{{CAMPAIGN}}}Id") is None


# --- answers -----------------------------------------------------------------------------------------------


def envelope(body: str, tracking_id: str = "0a1b-2c") -> bytes:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<s:Header><h:TrackingId xmlns:h="{CAMPAIGN}">{tracking_id}</h:TrackingId></s:Header>'
        f'<s:Body xmlns:i="http://www.w3.org/2001/XMLSchema-instance">{body}</s:Body></s:Envelope>'
    ).encode()


def answer(name: str, inner: str) -> bytes:
    return envelope(f'<{name}Response xmlns="{CAMPAIGN}">{inner}</{name}Response>')


def test_audiences_are_read_past_nils_and_unknown_elements() -> None:
    content = answer(
        "GetAudiencesByIds",
        f'<Audiences><Audience {NIL}/><Audience i:type="CustomerList"><AudienceNetworkSize {NIL}/>'
        "<Description/><Id>9007199254740993</Id><MembershipDuration>-1</MembershipDuration><Name> A&amp;B </Name>"
        "<New><Id>1</Id></New><SearchSize> 12 </SearchSize></Audience></Audiences><PartialErrors/>",
    )
    read = soap_xml.read(content, "GetAudiencesByIds")
    assert read.tracking_id == "0a1b-2c"
    assert read.payload == {
        "Audiences": [
            None,
            {
                "AudienceNetworkSize": None,
                "Description": "",
                "Id": "9007199254740993",
                "MembershipDuration": -1,
                "Name": " A&B ",
                "SearchSize": "12",
            },
        ],
        "PartialErrors": [],
    }


def test_null_items_keep_their_position() -> None:
    """The SDK drops nulls, which shifts the other elements."""
    content = answer("AddAudiences", f"<AudienceIds><long {NIL}/><long>7</long></AudienceIds>")
    assert soap_xml.read(content, "AddAudiences").payload == {"AudienceIds": [None, "7"]}


def test_a_wrong_value_is_not_an_empty_list() -> None:
    """An empty list would mean that nothing was refused."""
    for inner, payload in [
        ("<PartialErrors>none</PartialErrors>", "none"),
        ("<PartialErrors> \n </PartialErrors>", []),
        ("<PartialErrors><Other><Code>1</Code></Other></PartialErrors>", [""]),
        ("<PartialErrors><BatchError>none</BatchError></PartialErrors>", ["none"]),
        ("<PartialErrors><BatchError><Code>first</Code></BatchError></PartialErrors>", [{"Code": "first"}]),
    ]:
        read = soap_xml.read(answer("ApplyCustomerListUserData", inner), "ApplyCustomerListUserData")
        assert read.payload == {"PartialErrors": payload}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"busy",
        b"<html>login</html>",
        b'{"RequestStatus": "Completed"}',
        b"<a><b></a>",
        b'<?xml version="1.0" encoding="nobody-knows"?><a/>',
        envelope(""),
        answer("GetBulkUploadUrl", "<RequestId>r</RequestId>"),
        answer("GetBulkUploadStatus", "<RequestStatus>Completed</RequestStatus>")[:-20],
    ],
)
def test_invalid_answers(content: bytes) -> None:
    assert soap_xml.read(content, "GetBulkUploadStatus").payload is None


@given(st.binary())
def test_reading_never_raises(content: bytes) -> None:
    assert soap_xml.read(content, "GetUser").payload is None


def test_entities_are_refused() -> None:
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(10))
    good = answer("GetBulkUploadStatus", "<RequestStatus>Completed</RequestStatus>")
    assert soap_xml.read(good, "GetBulkUploadStatus").payload == {"RequestStatus": "Completed"}
    for dtd in (f"<!DOCTYPE d [{laughs}]>", '<!DOCTYPE d SYSTEM "file:///etc/passwd">', "<!DOCTYPE d>"):
        began = time.monotonic()
        content = dtd.encode() + good.replace(b"Completed", b"&e9;" if "e9" in dtd else b"Completed")
        assert soap_xml.read(content, "GetBulkUploadStatus") == soap_xml.Answer()
        assert time.monotonic() - began < 5


def test_an_answer_larger_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    good = answer("GetBulkUploadStatus", "<RequestStatus>Completed</RequestStatus>")
    monkeypatch.setattr(soap_xml, "MAX_ANSWER_BYTES", len(good) - 1)
    assert soap_xml.read(good, "GetBulkUploadStatus").payload is None
    assert limits.MAX_ANSWER_BYTES > 1 << 20


# --- faults ------------------------------------------------------------------------------------------------


def fault(detail: str, code: str = "s:Server") -> bytes:
    return envelope(
        f'<s:Fault><faultcode>{code}</faultcode><faultstring xml:lang="en-US">somebody@example.com</faultstring>'
        f"<detail>{detail}</detail></s:Fault>"
    )


def error(name: str, code: int, symbol: str) -> str:
    return (
        f"<{name}><Code>{code}</Code><Detail {NIL}/><ErrorCode>{symbol}</ErrorCode>"
        f"<Message>somebody@example.com</Message></{name}>"
    )


def test_an_ad_api_fault() -> None:
    errors = error("AdApiError", 109, "AuthenticationTokenExpired") + error("AdApiError", 105, "X")
    content = fault(
        f'<AdApiFaultDetail xmlns="https://adapi.microsoft.com"><TrackingId>77-f</TrackingId><Errors>{errors}'
        "</Errors></AdApiFaultDetail>"
    )
    read = soap_xml.read(content, "GetUser")
    assert (read.tracking_id, read.fault_code) == ("77-f", "Server")
    assert read.payload == {
        "Type": "AdApiFaultDetail",
        "TrackingId": "77-f",
        "Errors": [
            {"Code": 109, "ErrorCode": "AuthenticationTokenExpired"},
            {"Code": 105, "ErrorCode": "X"},
        ],
    }


def test_an_api_fault() -> None:
    content = fault(
        f'<ApiFaultDetail xmlns="{CAMPAIGN}"><TrackingId xmlns="https://adapi.microsoft.com">77-f</TrackingId>'
        f"<BatchErrors/><OperationErrors>{error('OperationError', 4204, 'Y')}</OperationErrors></ApiFaultDetail>"
    )
    assert soap_xml.read(content, "GetBulkUploadUrl").payload == {
        "Type": "ApiFaultDetail",
        "TrackingId": "77-f",
        "BatchErrors": [],
        "OperationErrors": [{"Code": 4204, "ErrorCode": "Y"}],
    }


def test_a_fault_of_customer_management() -> None:
    content = fault(
        '<ApiFault xmlns="https://bingads.microsoft.com/Customer/v13/Exception">'
        '<TrackingId xmlns="https://adapi.microsoft.com">77-f</TrackingId><OperationErrors><OperationError>'
        "<Code>1001</Code><Details>somebody@example.com</Details><Message>m</Message>"
        "</OperationError></OperationErrors></ApiFault>"
    )
    assert soap_xml.read(content, "GetUser").payload == {
        "Type": "ApiFaultDetail",
        "TrackingId": "77-f",
        "OperationErrors": [{"Code": 1001}],
    }


def test_a_fault_of_the_framework() -> None:
    read = soap_xml.read(
        fault("<ExceptionDetail><Message>m</Message></ExceptionDetail>", "a:ActionNotSupported"), "X"
    )
    assert (read.payload, read.fault_code) == ({"Type": "ApiFaultDetail"}, "ActionNotSupported")
