"""Injected faults, and the request log that shows them."""

from __future__ import annotations

import time

import httpx
import pytest

from microsoft_advertising_simulator.control.injection import FaultKind, FaultRule, FaultRules
from microsoft_advertising_simulator.operations import OPERATIONS
from tests.microsoft_advertising_simulator.api import (
    Api,
    bulk_csv,
    digest_hex,
    hexes,
    item_row,
    list_row,
    numbers,
    partial,
)

pytestmark = pytest.mark.faults

QUERY = "/CampaignManagement/v13/Audiences/QueryByIds"
LISTS = {"Type": "CustomerList"}
CUT = (httpx.RemoteProtocolError, httpx.ReadError)  # end of stream or reset: which one is chance


BY_NAME = {operation.name: operation for operation in OPERATIONS}
CALLS = [*BY_NAME, "UploadFile", "DownloadResult", "Token"]


def send(api: Api, operation: str) -> httpx.Response:
    """Any call of an operation; only the existence of an answer matters."""
    if operation == "UploadFile":
        return api.post_file(api.request_url()[1], bulk_csv())
    if operation == "DownloadResult":
        return api.http.get("/Results/unknown")
    if operation == "Token":
        return api.token_request()
    known = BY_NAME[operation]
    return api.call(known.path, {}, known.method)


@pytest.mark.parametrize("operation", CALLS)
def test_every_kind_applies_to_every_operation(api: Api, operation: str) -> None:
    """Only the nth call gets the fault; the others are answered normally."""
    usual = send(api, operation)
    api.fault(operation, "raw", status=502, body="<h1>Bad Gateway</h1>", nth=2)
    answers = [send(api, operation) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [usual.status_code, 502, usual.status_code]
    api.fault(operation, "fault", code=0, status=503, retry_after=7)
    refused = send(api, operation)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "7")
    for kind in ("drop", "drop_after_accept"):
        api.fault(operation, kind)
        with pytest.raises(CUT):
            send(api, operation)
    api.fault(operation, "hang", seconds=0.05)
    with pytest.raises(CUT):
        send(api, operation)
    api.fault(operation, "truncate", bytes=5)
    with pytest.raises(CUT):
        send(api, operation)
    api.fault(operation, "shorten", bytes=5)
    short = send(api, operation)
    assert (short.status_code, len(short.content)) == (usual.status_code, 5)
    api.fault(operation, "delay", seconds=0.2)
    began = time.monotonic()
    assert send(api, operation).status_code == usual.status_code
    assert time.monotonic() - began >= 0.2
    assert api.control("faults") == []


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
    for values, code in (({}, 70000), ({"code": 50173}, 50173)):
        api.fault("Token", "fault", **values)
        answer = api.token_request()
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert answer.json()["error_codes"] == [code]
    _, url = api.request_url()
    api.fault("UploadFile", "fault", code=3227)
    answer = api.post_file(url, bulk_csv())
    assert (answer.status_code, answer.json()["Code"]) == (400, 3227)
    assert api.post_file(url, bulk_csv()).status_code == 200


@pytest.mark.parametrize(("code", "status"), [(0, 500), (109, 401), (117, 429), (201, 400), (3224, 400)])
def test_http_status_of_a_refused_file(api: Api, code: int, status: int) -> None:
    _, url = api.request_url()
    api.fault("UploadFile", "fault", code=code)
    assert api.post_file(url, bulk_csv()).status_code == status


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


def test_a_delayed_call_is_answered_after_the_wait(api: Api) -> None:
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


def test_hang_ends_when_the_client_disconnects(api: Api) -> None:
    api.fault("GetAudiencesByIds", "hang")
    with pytest.raises(httpx.ReadTimeout):
        api.http.post(QUERY, json=LISTS, headers=api.headers(), timeout=0.2)
    assert api.call(QUERY, LISTS).status_code == 200
    api.fault("GetAudiencesByIds", "hang", seconds=0.1)
    with pytest.raises(CUT):
        api.call(QUERY, LISTS)


HASH = digest_hex(7_000)


def give_up_adding(api: Api, list_id: str, kind: str, seconds: float) -> None:
    """A call that adds a member, whose client does not wait for it."""
    api.fault("ApplyCustomerListUserData", kind, seconds=seconds)
    usual, api.http.timeout = api.http.timeout, httpx.Timeout(5.0, read=0.2)
    with pytest.raises(httpx.ReadTimeout):
        api.apply(list_id, "Add", [HASH])
    api.http.timeout = usual
    assert api.members(list_id) == []


def test_a_late_call_is_carried_out_without_a_waiting_client(api: Api) -> None:
    for seconds in (600.0, 1.0):
        list_id = api.create(f"late by {seconds}")
        give_up_adding(api, list_id, "late", seconds)
        if seconds > 1.0:
            api.control("faults", method="DELETE")  # it is carried out at once
        deadline = time.monotonic() + 20
        while api.members(list_id) != [HASH]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_gateway_times_out_on_a_call_that_is_carried_out_later(api: Api) -> None:
    list_id = api.create("given up")
    api.fault("ApplyCustomerListUserData", "late", seconds=600, status=504)
    assert api.apply(list_id, "Add", [HASH]).status_code == 504
    assert api.apply(list_id, "Remove", [HASH]).status_code == 200
    assert api.members(list_id) == []
    api.control("faults", method="DELETE")
    deadline = time.monotonic() + 20
    while api.members(list_id) != [HASH]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_late_call_is_answered_if_the_client_waits(api: Api) -> None:
    list_id = api.create("late and awaited")
    api.fault("ApplyCustomerListUserData", "late", seconds=0.2)
    assert api.apply(list_id, "Add", [HASH]).status_code == 200
    assert api.members(list_id) == [HASH]


def test_truncated_results_end_in_the_middle(api: Api) -> None:
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


def test_truncated_results_without_an_error(api: Api) -> None:
    status = api.upload(bulk_csv())
    whole = api.http.get(status["ResultFileUrl"]).content
    api.fault("DownloadResult", "shorten", bytes=len(whole) - 10)
    answer = api.http.get(status["ResultFileUrl"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert answer.content == whole[:-10]


@pytest.mark.behaviour("status.sdk-states", "status.percent")
@pytest.mark.parametrize(
    "state",
    ["Failed", "UploadFileRowCountExceeded", "UploadFileFormatNotSupported", "Expired", "Aborted"],
)
def test_every_bad_end_of_an_upload(api: Api, state: str) -> None:
    audience = api.create(f"Ending {state}")
    api.fault("ProcessUpload", "fault", state=state, code=4200)
    content = bulk_csv(list_row(Id=audience, Action_Type="Add"), item_row(audience, digest_hex(1)))
    status = api.upload(content)
    assert (status["RequestStatus"], status["PercentComplete"], status["ResultFileUrl"]) == (state, 0, None)
    assert [error["Code"] for error in status["Errors"]] == [4200]
    assert api.members(audience) == []
    assert api.upload(content)["RequestStatus"] == "Completed"


@pytest.mark.parametrize(
    ("action", "share", "count"), [("Add", 0.5, 13), ("Remove", 0.4, 6), ("Replace", 0, 0)]
)
def test_a_failed_upload_may_have_done_part_of_its_work(
    api: Api, action: str, share: float, count: int
) -> None:
    audience = api.create(f"Half done {action}")
    api.apply(audience, "Add", hexes(range(10)))
    api.fault("ProcessUpload", "fault", code=0, applied=share)
    members = hexes(range(10, 16)) if action == "Add" else hexes(range(10))
    rows = [list_row(Id=audience, Action_Type=action), *(item_row(audience, text) for text in members)]
    status = api.upload(bulk_csv(*rows))
    assert (status["RequestStatus"], status["ResultFileUrl"]) == ("Failed", None)
    assert len(api.members(audience)) == count


def test_an_upload_is_held_until_its_time_is_over_or_the_rules_are_removed(api: Api) -> None:
    for release in (
        lambda: api.control("clock", {"advance_seconds": 600}),
        lambda: api.control("faults", method="DELETE"),
    ):
        api.fault("ProcessUpload", "hang", seconds=600)
        (stuck, url), (free, other) = api.request_url(), api.request_url()
        assert api.post_file(url, bulk_csv()).status_code == 200
        while api.control("faults"):
            time.sleep(0.01)  # until the rule has applied to the first one
        assert api.post_file(other, bulk_csv()).status_code == 200
        assert api.finished(free)["RequestStatus"] == "Completed"
        assert api.status(stuck)["RequestStatus"] == "InProgress"
        release()
        assert api.finished(stuck)["RequestStatus"] == "Completed"


def test_chosen_share_of_good_items_is_refused(api: Api) -> None:
    """The same items each time: those with the lowest hashes."""
    audience = api.create("Refused by share")
    good = hexes(range(200))
    refused = [text for text in good if int(text[:8], 16) / 16**8 < 0.25]
    assert 20 < len(refused) < 80
    rows = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, text) for text in [*good, "bad"])]
    for code in (8004, 8006):
        api.fault("JudgeItems", "refuse", share=0.25, code=code)
        results = api.results(api.upload(bulk_csv(*rows), mode="ErrorsOnly"))
        struck = {row["Text"]: row["Error Number"] for row in results if row["Type"].endswith(" Error")}
        assert struck == dict.fromkeys(refused, str(code)) | {"bad": "8004"}
        assert api.members(audience) == sorted(set(good) - set(refused))
    api.fault("JudgeItems", "refuse", share=0.25, code=8006)
    errors = partial(api.apply(audience, "Add", [*good, "bad"]))
    assert errors == [(good.index(text), 8006) for text in refused] + [(200, 8004)]
    assert api.upload(bulk_csv(*rows[:-1]))["RequestStatus"] == "Completed"
    assert api.members(audience) == good


def test_any_call_does_not_mean_processing(api: Api) -> None:
    api.fault("*", "raw", status=502, nth=1000, times=None)
    assert api.upload(bulk_csv())["RequestStatus"] == "Completed"
    rules = FaultRules()
    rules.add(FaultRule(kind=FaultKind.DROP, times=None))
    assert [rules.take(name) is not None for name in ("Token", "ProcessUpload", "JudgeItems")] == [
        True,
        False,
        False,
    ]


def test_lists_changed_manually(api: Api) -> None:
    audience, other = api.create("By hand"), api.create("By another hand")
    api.apply(audience, "Add", hexes([1]))
    changed = api.control(f"audiences/{audience}", {"name": "Renamed by hand"})
    assert (changed["name"], changed["members"], changed["associated"]) == ("Renamed by hand", 1, False)
    for name in ("By another hand", "", "x" * 129):
        answer = api.http.post(f"/simulator/audiences/{audience}", json={"name": name})
        assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "name")
    gone = api.control(f"audiences/{audience}", {"deleted": True})
    assert (gone["deleted"], gone["members"]) == (True, 0)
    assert partial(api.campaign("Audiences/QueryByIds", {"AudienceIds": [audience, other]})) == [(0, 4835)]


def test_request_log_contains_no_secrets(api: Api) -> None:
    api.control("requests", method="DELETE")
    status = api.upload(bulk_csv())
    api.http.get(status["ResultFileUrl"])
    api.campaign("Audiences", {"Audiences": [api.audience("")]})
    api.sign_in()
    log = api.control("requests")
    # In any order: a call is logged after its answer was sent, and the caller may not wait for that.
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
        ("faults", {"kind": "refuse", "operation": "UploadFile"}, ""),
        ("faults", {"kind": "fault", "operation": "ProcessUpload", "state": "InProgress"}, ""),
        ("faults", {"kind": "fault", "operation": "ProcessUpload", "applied": 1.5}, "applied"),
        ("audiences/5", {"typo": 1}, "typo"),
        ("settings", {"max_rows": 0}, "max_rows"),
        ("settings", {"typo": 1}, "typo"),
        ("clock", {"advance_seconds": -1}, "advance_seconds"),
        ("tokens", {"typo": 1}, "typo"),
    ],
)
def test_controls_reject_unknown_fields(api: Api, path: str, body: dict[str, object], where: str) -> None:
    answer = api.http.post(f"/simulator/{path}", json=body)
    assert answer.status_code == 422
    assert where in [error["where"] for error in answer.json()["errors"]]


def test_controls_reject_bodies_that_are_not_json_objects(api: Api) -> None:
    assert api.http.post("/simulator/settings", content=b"{").status_code == 422
    assert api.http.post("/simulator/settings", content=b"[1]").status_code == 422
    assert api.http.get("/simulator/audiences/5/members").status_code == 404
    assert api.http.post("/simulator/audiences/5", json={"associated": True}).status_code == 404


@pytest.mark.parametrize("seed", [1, 2])
def test_probability_is_a_chance_that_is_the_same_in_each_run(seed: int) -> None:
    runs = []
    for _ in range(2):
        rules = FaultRules()
        rules.add(FaultRule(kind=FaultKind.DROP, probability=0.5, times=None, seed=seed))
        runs.append([rules.take("Token") is not None for _ in range(1000)])
    assert runs[0] == runs[1]
    assert 400 < sum(runs[0]) < 600


def test_another_seed_gives_another_sequence() -> None:
    rules = [FaultRule(kind=FaultKind.DROP, probability=0.5, times=None, seed=seed) for seed in (1, 2)]
    first, second = ([rule.applies() for _ in range(100)] for rule in rules)
    assert first != second
