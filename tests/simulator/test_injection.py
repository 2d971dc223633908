"""Injected faults, and the request log that shows them."""

from __future__ import annotations

import time

import httpx
import pytest

from include.simulator.injection import FaultKind, FaultRule, FaultRules
from tests.simulator.api import Api, bulk_csv, numbers

pytestmark = pytest.mark.faults

QUERY = "/CampaignManagement/v13/Audiences/QueryByIds"
LISTS = {"Type": "CustomerList"}
CUT = (httpx.RemoteProtocolError, httpx.ReadError)  # end of stream or reset: which one is chance


def test_fault_in_the_operations_own_format(api: Api) -> None:
    api.fault("GetAudiencesByIds", "fault", code=117, retry_after=60)
    answer = api.call(QUERY, LISTS)
    assert (answer.status_code, numbers(answer), answer.headers["Retry-After"]) == (429, [117], "60")
    assert api.call(QUERY, LISTS).status_code == 200
    api.fault("GetBulkUploadUrl", "fault", code=4204, status=500)
    body = {"ResponseMode": "ErrorsOnly", "AccountId": api.ready["account_id"]}
    answer = api.call("/Bulk/v13/BulkUploadUrl/Query", body)
    assert (answer.status_code, numbers(answer), answer.json()["Type"]) == (500, [4204], "ApiFaultDetail")
    api.fault("Token", "fault", error="temporarily_unavailable", status=503)
    answer = api.token_request()
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    _, url = api.request_url()
    api.fault("UploadFile", "fault", code=3227)
    answer = api.post_file(url, bulk_csv())
    assert (answer.status_code, answer.json()["Code"]) == (400, 3227)
    assert api.post_file(url, bulk_csv()).status_code == 200


def test_nth_and_times(api: Api) -> None:
    api.fault("GetAudiencesByIds", "fault", code=0, nth=2, times=2)
    assert [api.call(QUERY, LISTS).status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    assert api.control("faults") == []


def test_any_operation_and_removal(api: Api) -> None:
    api.fault("*", "raw", status=502, body="<h1>Bad Gateway</h1>", times=None)
    answer = api.call(QUERY, LISTS)
    assert (answer.status_code, answer.text) == (502, "<h1>Bad Gateway</h1>")
    assert api.token_request().status_code == 502
    assert api.http.get("/Results/x").status_code == 502
    assert len(api.control("faults")) == 1
    api.control("faults", method="DELETE")
    assert api.call(QUERY, LISTS).status_code == 200


def test_delay(api: Api) -> None:
    api.fault("GetAudiencesByIds", "delay", seconds=0.3)
    began = time.monotonic()
    assert api.call(QUERY, LISTS).status_code == 200
    assert time.monotonic() - began >= 0.3


def test_drop_does_nothing_and_drop_after_accept_does_all(api: Api) -> None:
    body = {"Audiences": [api.audience("Dropped")]}
    api.fault("AddAudiences", "drop")
    with pytest.raises(CUT):
        api.campaign("Audiences", body)
    assert "Dropped" not in [entry["name"] for entry in api.control("audiences")]
    api.fault("AddAudiences", "drop_after_accept")
    with pytest.raises(CUT):
        api.campaign("Audiences", body)
    assert "Dropped" in [entry["name"] for entry in api.control("audiences")]
    logged = [call for call in api.control("requests") if call["operation"] == "AddAudiences"][-2:]
    assert [(call["status"], call["fault"]) for call in logged] == [(0, "drop"), (0, "drop_after_accept")]


def test_an_accepted_file_whose_answer_is_lost(api: Api) -> None:
    request_id, url = api.request_url()
    api.fault("UploadFile", "drop_after_accept")
    with pytest.raises(CUT):
        api.post_file(url, bulk_csv())
    assert api.post_file(url, bulk_csv()).json()["Code"] == 3224
    assert api.finished(request_id)["RequestStatus"] == "Completed"


def test_hang_ends_with_the_clients_patience(api: Api) -> None:
    api.fault("GetAudiencesByIds", "hang")
    with pytest.raises(httpx.ReadTimeout):
        api.http.post(QUERY, json=LISTS, headers=api.headers(), timeout=0.2)
    assert api.call(QUERY, LISTS).status_code == 200
    api.fault("GetAudiencesByIds", "hang", seconds=0.1)
    with pytest.raises(CUT):
        api.call(QUERY, LISTS)


def test_truncated_results(api: Api) -> None:
    status = api.upload(bulk_csv())
    api.fault("DownloadResult", "truncate", bytes=100)
    received = bytearray()

    def download() -> None:
        with api.http.stream("GET", status["ResultFileUrl"]) as answer:
            for chunk in answer.iter_raw():
                received.extend(chunk)

    with pytest.raises(CUT):
        download()
    assert len(received) == 100
    assert received.startswith(b"PK")
    assert api.results(status) == []


def test_request_log_tells_no_secrets(api: Api) -> None:
    api.control("requests", method="DELETE")
    status = api.upload(bulk_csv())
    api.http.get(status["ResultFileUrl"])
    api.campaign("Audiences", {"Audiences": [api.audience("")]})
    api.sign_in()
    log = api.control("requests")
    # In no order: a call is logged when its answer has gone out, which the caller may not wait for.
    assert {call["operation"] for call in log if call["operation"] != "GetBulkUploadStatus"} == {
        "GetBulkUploadUrl", "UploadFile", "DownloadResult", "AddAudiences", "Token",
    }  # fmt: skip
    by_name = {call["operation"]: call for call in log}
    assert by_name["AddAudiences"]["codes"] == [4838]
    assert by_name["DownloadResult"]["path"] == "/Results/{token}"
    assert by_name["UploadFile"]["path"].endswith("/UploadBulkFile/{url_id}")
    assert set(by_name["Token"]) == {
        "time", "method", "path", "operation", "status", "codes", "seconds", "fault",
    }  # fmt: skip
    text = str(log)
    for secret in (api.token, api.ready["refresh_token"], status["ResultFileUrl"].rsplit("/", 1)[1]):
        assert secret not in text


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("faults", {"kind": "explode"}, "kind"),
        ("faults", {"kind": "fault", "nth": 0}, "nth"),
        ("faults", {"kind": "fault", "typo": 1}, "typo"),
        ("faults", {"kind": "drop", "operation": "ProcessUpload"}, ""),
        ("settings", {"max_rows": 0}, "max_rows"),
        ("settings", {"typo": 1}, "typo"),
        ("clock", {"advance_seconds": -1}, "advance_seconds"),
        ("tokens", {"typo": 1}, "typo"),
    ],
)
def test_levers_refuse_what_they_do_not_know(
    api: Api, path: str, body: dict[str, object], where: str
) -> None:
    answer = api.http.post(f"/simulator/{path}", json=body)
    assert answer.status_code == 422
    assert where in [error["where"] for error in answer.json()["errors"]]


def test_levers_refuse_bodies_that_are_no_json_object(api: Api) -> None:
    assert api.http.post("/simulator/settings", content=b"{").status_code == 422
    assert api.http.post("/simulator/settings", content=b"[1]").status_code == 422
    assert api.http.get("/simulator/audiences/5/members").status_code == 404
    assert api.http.post("/simulator/audiences/5", json={"associated": True}).status_code == 404


def test_page_for_people_escapes_names(api: Api) -> None:
    api.create("<script>alert(1)</script>")
    page = api.http.get("/")
    assert page.status_code == 200
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>" not in page.text


def test_probability_is_a_chance() -> None:
    rules = FaultRules()
    rules.add(FaultRule(kind=FaultKind.DROP, probability=0.5, times=None))
    struck = sum(rules.take("Token") is not None for _ in range(1000))
    assert 400 < struck < 600
