"""Reading SOAP messages: order, namespaces, nil, numbers, and malicious messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.endpoints.soap.contract import SERVICES
from microsoft_advertising_simulator.endpoints.soap.reader import (
    MAX_BYTES,
    MessageError,
    read_message,
    read_record,
)
from microsoft_advertising_simulator.endpoints.soap.types import (
    BOOLEAN,
    DATE_TIME,
    INT,
    LONG,
    enumeration,
    flags,
)

CAMPAIGN = "https://bingads.microsoft.com/CampaignManagement/v13"
ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = {name: message for contract in SERVICES for name, message in contract.messages.items()}


def envelope(body: str, header: str = "", before: str = "") -> bytes:
    return (
        f'{before}<e:Envelope xmlns:e="{SOAP}" xmlns="{CAMPAIGN}" xmlns:a="{ARRAYS}" '
        f'xmlns:i="http://www.w3.org/2001/XMLSchema-instance">{header}<e:Body>{body}</e:Body></e:Envelope>'
    ).encode()


def read(operation: str, content: str) -> dict[str, Any]:
    message = read_message(envelope(f"<{operation}Request>{content}</{operation}Request>"))
    return read_record(message.body, MESSAGES[operation].request, operation)


def refusal(operation: str, content: str) -> str:
    with pytest.raises(ServiceFault) as caught:
        read(operation, content)
    assert caught.value.numbers == (201,)
    return str(caught.value.details)


@pytest.mark.behaviour("soap.prefixes")
def test_namespaces_count_and_prefixes_do_not() -> None:
    plain = "<AudienceIds><a:long>5</a:long></AudienceIds><Type>CustomerList</Type>"
    other = (
        f'<x:AudienceIds xmlns:x="{CAMPAIGN}"><long xmlns="{ARRAYS}">5</long></x:AudienceIds>'
        f'<y:Type xmlns:y="{CAMPAIGN}">CustomerList</y:Type>'
    )
    expected = {"AudienceIds": ["5"], "Type": "CustomerList"}
    assert read("GetAudiencesByIds", plain) == read("GetAudiencesByIds", other) == expected


def test_headers_are_read_by_namespace_and_empty_ones_are_none() -> None:
    header = (
        "<e:Header><Action e:mustUnderstand='1'>GetUser</Action><DeveloperToken>dev</DeveloperToken>"
        '<CustomerId/><Password i:nil="true"/></e:Header>'
    )
    message = read_message(envelope("<GetUserRequest/>", header))
    assert message.headers == {
        f"{{{CAMPAIGN}}}Action": "GetUser",
        f"{{{CAMPAIGN}}}DeveloperToken": "dev",
        f"{{{CAMPAIGN}}}CustomerId": None,
        f"{{{CAMPAIGN}}}Password": None,
    }
    assert message.name == f"{{{CAMPAIGN}}}GetUserRequest"
    assert read_message(envelope("<GetUserRequest/>")).headers == {}


@pytest.mark.behaviour("soap.contract", "soap.slips")
@pytest.mark.parametrize(
    ("operation", "content", "said"),
    [
        ("GetBulkUploadUrl", "<AccountId>1</AccountId><ResponseMode>ErrorsOnly</ResponseMode>", "order"),
        ("GetBulkUploadUrl", "<AccountId>1</AccountId><AccountId>1</AccountId>", "order"),
        ("GetBulkUploadUrl", "<Accountid>1</Accountid>", "unknown element"),
        ("GetBulkUploadUrl", '<AccountId xmlns="urn:x">1</AccountId>', "unknown element {urn:x}AccountId"),
        ("GetBulkUploadUrl", "text", "text between elements"),
        ("GetBulkUploadUrl", "<AccountId>1</AccountId>text", "text between elements"),
        ("GetBulkUploadUrl", '<AccountId i:nil="true"/>', "GetBulkUploadUrl.AccountId: must not be nil"),
        ("GetBulkUploadUrl", "<AccountId><b/></AccountId>", "elements in a long"),
        ("GetBulkUploadUrl", "<AccountId/>", "no long"),
        ("GetBulkUploadUrl", "<AccountId>one</AccountId>", "no long"),
        ("GetBulkUploadUrl", "<AccountId>9223372036854775808</AccountId>", "no long"),
        ("GetBulkUploadUrl", f"<AccountId>{'9' * 5000}</AccountId>", "no long"),
        ("GetBulkUploadUrl", "<ResponseMode>Everything</ResponseMode>", "no ResponseMode"),
        ("GetAudiencesByIds", "<AudienceIds><long>5</long></AudienceIds>", "unknown element"),
        ("GetAudiencesByIds", "<AudienceIds>5</AudienceIds>", "text between elements"),
        ("GetAudiencesByIds", "<AudienceIds><a:long i:nil='1'/></AudienceIds>", "must not be nil"),
        ("GetAudiencesByIds", "<Type>CustomerList,Custom</Type>", "no AudienceType"),
        ("AddAudiences", '<Audiences><Audience i:type="Nothing"/></Audiences>', "unknown i:type"),
        ("AddAudiences", '<Audiences><Audience i:type="a:CustomerList"/></Audiences>', "unknown i:type"),
        ("AddAudiences", "<Audiences><Audience><Own/></Audience></Audiences>", "unknown element"),
        ("ApplyCustomerListUserData", "<CustomerListUserData/>", "element ActionType missing"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_with_their_location(operation: str, content: str, said: str) -> None:
    assert said in refusal(operation, content)


def test_refusals_do_not_repeat_values_nor_long_names() -> None:
    secret = "someone@example.com"
    assert secret not in refusal("GetBulkUploadUrl", f"<AccountId>{secret}</AccountId>")
    assert len(refusal("GetBulkUploadUrl", f"<{'x' * 5000}/>")) < 200


@pytest.mark.behaviour("soap.nil")
def test_absent_nil_and_empty_are_distinct() -> None:
    assert read("AddAudiences", "") == {}
    assert read("AddAudiences", '<Audiences i:nil="true"/>') == {"Audiences": None}
    assert read("AddAudiences", "<Audiences/>") == {"Audiences": []}
    assert read("AddAudiences", '<Audiences><Audience i:nil="1"/></Audiences>') == {"Audiences": [None]}
    item = '<Audience i:type="CustomerList"><Description/><Name i:nil="true"/></Audience>'
    [audience] = read("AddAudiences", f"<Audiences>{item}</Audiences>")["Audiences"]
    assert audience == {"Type": "CustomerList", "Description": "", "Name": None}


@pytest.mark.behaviour("soap.type")
def test_i_type_gives_the_type_of_an_audience() -> None:
    def kind(attribute: str, content: str = "") -> Any:
        item = f"<Audiences><Audience {attribute}>{content}</Audience></Audiences>"
        return read("AddAudiences", item)["Audiences"][0]["Type"]

    assert kind(f'i:type="q:CustomerList" xmlns:q="{CAMPAIGN}"') == "CustomerList"
    assert kind('i:type="InMarketAudience"') == "InMarket"
    assert kind('i:type="RemarketingList"', "<Id>1</Id><TagId>7</TagId>") == "RemarketingList"
    assert kind("", "<Type>CustomerList</Type>") is None


def test_comments_and_instructions_are_not_content() -> None:
    content = "<AccountId><!-- a -->1<?b c?>2</AccountId>"
    assert read("GetBulkUploadUrl", content) == {"AccountId": "12"}


@pytest.mark.bad_input
@pytest.mark.behaviour("soap.broken")
@pytest.mark.parametrize(
    ("raw", "fault_code", "said"),
    [
        (b"", "Client", "well-formed"),
        (b"{}", "Client", "well-formed"),
        (envelope("<a></b>"), "Client", "well-formed"),
        (envelope("<a>&unknown;</a>"), "Client", "well-formed"),
        (envelope("<a>\x01</a>"), "Client", "well-formed"),
        (envelope("<a/>").replace(b"soap/envelope", b"envelope"), "VersionMismatch", "SOAP 1.1"),
        (b"<html/>", "Client", "SOAP 1.1"),
        (envelope(""), "Client", "one element"),
        (envelope("<a/><b/>"), "Client", "one element"),
        (f'<e:Envelope xmlns:e="{SOAP}"/>'.encode(), "Client", "one element"),
        (envelope("<d>" * 40 + "</d>" * 40), "Client", "deep"),
        (envelope("<d>" * 50_000 + "</d>" * 50_000), "Client", "well-formed"),
        (envelope("<a/>", before="<!DOCTYPE a>"), "Client", "document type"),
        (
            envelope("<a>&x;</a>", before='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'),
            "Client",
            "document type",
        ),
        (
            envelope(
                "<a>&z;</a>",
                before='<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;"><!ENTITY z "&y;&y;">]>',
            ),
            "Client",
            "document type",
        ),
    ],
)
def test_invalid_soap_messages(raw: bytes, fault_code: str, said: str) -> None:
    with pytest.raises(MessageError, match=said) as caught:
        read_message(raw)
    assert caught.value.fault_code == fault_code


@pytest.mark.bad_input
@pytest.mark.behaviour("soap.too-large")
def test_too_large_a_message_is_not_even_parsed() -> None:
    with pytest.raises(MessageError, match="larger than") as caught:
        read_message(b"<" * (MAX_BYTES + 1))
    assert caught.value.status == 413


def test_entities_in_attributes_are_not_expanded() -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    before = f'<!DOCTYPE a [<!ENTITY e0 "0123456789">{levels}]>'
    with pytest.raises(MessageError):
        read_message(envelope('<a b="&e11;"/>', before=before))


@given(st.integers())
def test_numbers_are_limited_to_their_bits(number: int) -> None:
    for kind, bits in ((LONG, 64), (INT, 32)):
        if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            assert int(str(kind.read(f" {number}\n"))) == number
        else:
            with pytest.raises(ValueError, match="not a number"):
                kind.read(str(number))


@pytest.mark.parametrize("text", ["", "1.0", "1e3", "١", "0x10", "1_000", "--1", "1 2", "NaN"])
def test_invalid_numbers(text: str) -> None:
    for kind in (LONG, INT):
        with pytest.raises(ValueError, match="not a number"):
            kind.read(text)


def test_other_simple_values() -> None:
    assert [BOOLEAN.read(text) for text in ("true", "1", "false", " 0 ")] == [True, True, False, False]
    with pytest.raises(KeyError):
        BOOLEAN.read("True")
    assert [BOOLEAN.write(value) for value in (True, False)] == ["true", "false"]
    assert DATE_TIME.read("2026-11-25T13:00:00Z") == "2026-11-25T13:00:00Z"
    with pytest.raises(ValueError, match="isoformat"):
        DATE_TIME.read("yesterday")
    colour = enumeration("Colour", "Red", "Blue")
    assert colour.read("Red") == "Red"
    with pytest.raises(ValueError, match="red"):
        colour.read("red")
    colours = flags("Colours", "Red", "Blue")
    assert colours.read(" Red\n Blue ") == "Red, Blue"
    assert colours.write("Red, Blue") == "Red Blue"
    assert colours.read("") == ""
