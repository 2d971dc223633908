"""The SOAP endpoints: paths, dispatch, credentials, refusals, injected faults, the request log."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from lxml import etree

from microsoft_advertising_simulator.endpoints.soap.reader import MAX_BYTES
from tests.microsoft_advertising_simulator.api import Api
from tests.microsoft_advertising_simulator.sdk import PATHS
from tests.microsoft_advertising_simulator.wsdl import check

CAMPAIGN = "https://bingads.microsoft.com/CampaignManagement/v13"
CUSTOMER = "https://bingads.microsoft.com/Customer/v13"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CUT = (httpx.RemoteProtocolError, httpx.ReadError)
LISTS = "<GetAudiencesByIdsRequest><Type>CustomerList</Type></GetAudiencesByIdsRequest>"


class Wire:
    """Sends hand-written SOAP messages."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.headers: dict[str, str | None] = {
            "AuthenticationToken": api.token,
            "CustomerAccountId": api.ready["account_id"],
            "CustomerId": api.ready["customer_id"],
            "DeveloperToken": api.ready["developer_token"],
        }

    def message(self, body: str, namespace: str = CAMPAIGN, **headers: str | None) -> bytes:
        values = self.headers | headers
        header = "".join(f"<{key}>{value}</{key}>" for key, value in values.items() if value is not None)
        return (
            f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns="{namespace}">'
            f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        ).encode()

    def post(
        self, service: str, content: bytes, action: str | None = None, path: str | None = None, **http: str
    ) -> httpx.Response:
        headers = {"Content-Type": "text/xml; charset=utf-8", **http}
        if action is not None:
            headers["SOAPAction"] = f'"{action}"'
        return self.api.http.post(path or PATHS[service], content=content, headers=headers)

    def lists(self, **http: str) -> httpx.Response:
        return self.post("CampaignManagementService", self.message(LISTS), "GetAudiencesByIds", **http)


@pytest.fixture
def wire(api: Api) -> Wire:
    """Hand-written SOAP with valid credentials."""
    return Wire(api)


def codes(answer: httpx.Response, service: str = "CampaignManagementService") -> list[int]:
    """Codes of a fault; the answer is valid by the SDK's WSDL."""
    content = check(service, answer.content)
    assert content.tag == f"{{{SOAP}}}Fault"
    return [int(str(element.text)) for element in content.iterfind(".//{*}Code")]


def fault_code(answer: httpx.Response, service: str = "CampaignManagementService") -> str:
    """The fault code and reason of a fault without detail."""
    content = check(service, answer.content)
    assert [element.tag for element in content] == ["faultcode", "faultstring"]
    return str(content[0].text)


def logged(api: Api) -> dict[str, Any]:
    call: dict[str, Any] = api.control("requests")[-1]
    return call


@pytest.mark.behaviour("soap.paths")
def test_paths_in_any_case_of_the_version(wire: Wire) -> None:
    for name, path in PATHS.items():
        namespace = CUSTOMER if name.startswith("Customer") else CAMPAIGN
        for written in (path, path.replace("v13", "V13")):
            answer = wire.post(name, wire.message("<NothingRequest/>", namespace), path=written)
            assert fault_code(answer, name) == "a:ActionNotSupported"
    answer = wire.lists()
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert check("CampaignManagementService", answer.content).tag.endswith("}GetAudiencesByIdsResponse")
    assert wire.api.http.get(PATHS["BulkService"]).status_code == 405
    assert wire.post("", b"", path=PATHS["BulkService"].replace("v13", "v12")).status_code == 404


@pytest.mark.behaviour("soap.unknown-operation")
def test_each_service_serves_its_own_operations(wire: Wire) -> None:
    for action in ("GetAudiencesByIds", "GetCampaignsByAccountId", "", None):
        answer = wire.post("BulkService", wire.message(LISTS), action)
        assert answer.status_code == 500
        assert fault_code(answer, "BulkService") == "a:ActionNotSupported"
    assert logged(wire.api)["operation"] == "BulkService"


@pytest.mark.behaviour("soap.operation")
def test_the_body_selects_the_operation_without_an_action(wire: Wire) -> None:
    for action in (None, ""):
        answer = wire.post("CampaignManagementService", wire.message(LISTS), action)
        assert answer.status_code == 200
    assert logged(wire.api)["operation"] == "GetAudiencesByIds"
    answer = wire.post("CampaignManagementService", wire.message(LISTS), "AddAudiences")
    assert codes(answer) == [201]
    assert logged(wire.api)["operation"] == "AddAudiences"
    assert logged(wire.api)["codes"] == [201]


@pytest.mark.behaviour("soap.contract", "soap.slips")
def test_the_namespace_must_be_the_services(wire: Wire) -> None:
    content = wire.message("<GetUserRequest/>", CAMPAIGN)
    assert codes(wire.post("CustomerManagementService", content, "GetUser"), "CustomerManagementService") == [
        201
    ]
    content = wire.message(f'<GetUserRequest xmlns="{CUSTOMER}"/>', CAMPAIGN)  # but the headers are not
    assert codes(wire.post("CustomerManagementService", content, "GetUser"), "CustomerManagementService") == [
        116
    ]
    assert (
        wire.post("CustomerManagementService", wire.message("<GetUserRequest/>", CUSTOMER)).status_code == 200
    )


@pytest.mark.behaviour("soap.none", "soap.http-status")
@pytest.mark.parametrize(
    ("headers", "number"),
    [
        ({"AuthenticationToken": None}, 116),
        ({"AuthenticationToken": ""}, 116),
        ({"AuthenticationToken": "nonsense"}, 105),
        ({"DeveloperToken": None}, 116),
        ({"DeveloperToken": "nonsense"}, 105),
        ({"CustomerId": None}, 116),
        ({"CustomerId": "None"}, 116),
        ({"CustomerId": "1"}, 106),
        ({"CustomerAccountId": "None"}, 116),
        ({"CustomerAccountId": "1"}, 106),
    ],
)
def test_wrong_credentials_are_refused_with_both_statuses(
    wire: Wire, headers: dict[str, str | None], number: int
) -> None:
    answer = wire.post("CampaignManagementService", wire.message(LISTS, **headers))
    assert (answer.status_code, codes(answer)) == (500, [number])
    wire.api.control("settings", {"soap_fault_status": 200})
    answer = wire.post("CampaignManagementService", wire.message(LISTS, **headers))
    assert (answer.status_code, codes(answer)) == (200, [number])


def test_an_action_element_in_the_header_is_fine(wire: Wire) -> None:
    answer = wire.post("CampaignManagementService", wire.message(LISTS, Action="GetAudiencesByIds"))
    assert answer.status_code == 200


def test_body_and_header_must_have_the_same_account(wire: Wire) -> None:
    body = "<GetBulkUploadUrlRequest><AccountId>1</AccountId></GetBulkUploadUrlRequest>"
    assert codes(wire.post("BulkService", wire.message(body)), "BulkService") == [106]
    assert codes(wire.post("BulkService", wire.message("<GetBulkUploadUrlRequest/>")), "BulkService") == [
        1030
    ]


@pytest.mark.bad_input
@pytest.mark.behaviour("soap.broken", "soap.tracking-id")
def test_invalid_messages_get_a_fault(wire: Wire) -> None:
    for content in (b"", b"{}", b"<a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe\x00"):
        answer = wire.post("CampaignManagementService", content, "GetAudiencesByIds")
        assert answer.status_code == 500
        assert fault_code(answer) == "s:Client"
    soap12 = wire.message(LISTS).replace(SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope")
    assert fault_code(wire.post("CampaignManagementService", soap12)) == "s:VersionMismatch"
    assert logged(wire.api)["operation"] == "CampaignManagementService"


@pytest.mark.bad_input
@pytest.mark.behaviour("soap.too-large")
def test_too_large_and_of_another_kind(wire: Wire) -> None:
    large = wire.message(LISTS) + b" " * MAX_BYTES
    answer = wire.post("CampaignManagementService", large, "GetAudiencesByIds")
    assert (answer.status_code, fault_code(answer)) == (413, "s:Client")
    for kind in ("application/soap+xml", "application/json", ""):
        answer = wire.lists(**{"Content-Type": kind})
        assert (answer.status_code, fault_code(answer)) == (415, "s:Client")
    assert wire.lists().status_code == 200


@pytest.mark.faults
def test_injected_faults_apply_to_soap_and_rest(wire: Wire) -> None:
    api = wire.api
    api.fault("GetAudiencesByIds", "fault", code=117, retry_after=60, times=2)
    assert api.campaign("Audiences/QueryByIds", {"Type": "CustomerList"}).status_code == 429
    answer = wire.lists()
    assert (answer.status_code, codes(answer), answer.headers["Retry-After"]) == (500, [117], "60")
    assert (logged(api)["codes"], logged(api)["fault"]) == ([117], "fault")
    api.fault("GetAudiencesByIds", "fault", code=4204, status=503)
    answer = wire.post("CampaignManagementService", wire.message(LISTS))  # no SOAPAction
    assert (answer.status_code, codes(answer)) == (503, [4204])
    api.fault("CampaignManagementService", "fault", code=0)
    assert wire.lists().status_code == 200  # a service's name is that of calls for no operation of it
    api.control("faults", method="DELETE")
    api.fault("GetUser", "fault", code=117)
    assert wire.lists().status_code == 200
    assert len(api.control("faults")) == 1


@pytest.mark.faults
def test_raw_and_truncated_answers(wire: Wire) -> None:
    api = wire.api
    api.fault("*", "raw", status=502, body="<h1>Bad Gateway</h1>")
    answer = wire.lists()
    assert (answer.status_code, answer.text) == (502, "<h1>Bad Gateway</h1>")
    api.fault("GetAudiencesByIds", "truncate", bytes=100)
    with pytest.raises(CUT):
        wire.lists()
    api.fault("GetAudiencesByIds", "delay", seconds=0.01)
    assert wire.lists().status_code == 200


@pytest.mark.faults
def test_dropped_before_or_after_the_work(wire: Wire) -> None:
    body = (
        "<AddAudiencesRequest><Audiences>"
        '<Audience xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="CustomerList">'
        f"<Name>Soap dropped</Name><ParentId>{wire.api.ready['customer_id']}</ParentId><Scope>Customer</Scope>"
        "</Audience></Audiences></AddAudiencesRequest>"
    )
    for kind, made in (("drop", False), ("hang", False), ("drop_after_accept", True)):
        wire.api.fault("AddAudiences", kind, seconds=0.05)
        with pytest.raises(CUT):
            wire.post("CampaignManagementService", wire.message(body), "AddAudiences")
        names = [entry["name"] for entry in wire.api.control("audiences")]
        assert ("Soap dropped" in names) == made
    answer = wire.post("CampaignManagementService", wire.message(body), "AddAudiences")
    content = check("CampaignManagementService", answer.content)
    assert [element.text for element in content.iterfind(".//{*}Code")] == ["4853"]


@pytest.mark.behaviour("soap.tracking-id")
def test_the_request_log_shows_soap_calls_and_no_secrets(wire: Wire) -> None:
    wire.api.control("requests", method="DELETE")
    first, second = (check("CampaignManagementService", wire.lists().content) for _ in range(2))
    trackings = {str(each.getroottree().findtext(f".//{{{CAMPAIGN}}}TrackingId")) for each in (first, second)}
    assert len(trackings) == 2
    log = wire.api.control("requests")
    assert [(call["operation"], call["method"], call["status"]) for call in log] == [
        ("GetAudiencesByIds", "POST", 200)
    ] * 2
    assert log[0]["path"] == PATHS["CampaignManagementService"]
    assert wire.api.token not in str(log)


def test_throttling_counts_soap_and_rest_together(wire: Wire) -> None:
    api = wire.api
    api.control("clock", {"advance_seconds": 61})
    api.control("settings", {"calls_per_minute": 2})
    assert api.campaign("Audiences/QueryByIds", {"Type": "CustomerList"}).status_code == 200
    assert wire.lists().status_code == 200
    assert codes(wire.lists()) == [117]


def test_a_name_that_xml_does_not_allow_is_still_answered(wire: Wire) -> None:
    number = wire.api.create("bell \u0007 & <b>")
    ids = f'<AudienceIds xmlns:a="http://schemas.microsoft.com/2003/10/Serialization/Arrays"><a:long>{number}</a:long>'
    body = (
        f"<GetAudiencesByIdsRequest>{ids}</AudienceIds><Type>CustomerList</Type></GetAudiencesByIdsRequest>"
    )
    content = check(
        "CampaignManagementService", wire.post("CampaignManagementService", wire.message(body)).content
    )
    assert [etree.QName(each).localname for each in content] == ["Audiences", "PartialErrors"]
    assert content.findtext(".//{*}Name") == "bell \ufffd & <b>"
