"""UploadEntityRecords: the lines of a small Bulk file in the call, answered at once or later."""

from __future__ import annotations

import csv
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.microsoft_advertising_simulator.api import (
    Api,
    Simulator,
    bulk_csv,
    hexes,
    item_row,
    list_row,
    numbers,
)
from tests.microsoft_advertising_simulator.conftest import Start

PATH = "/Bulk/v13/EntityRecords/Upload"


def send(api: Api, *rows: dict[str, str], mode: str = "ErrorsAndResults", **changes: Any) -> httpx.Response:
    lines = bulk_csv(*rows, bom=False).decode().split("\r\n")[:-1]
    body = {"EntityRecords": lines, "ResponseMode": mode, "AccountId": api.ready["account_id"]}
    return api.call(PATH, body | changes)


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    """Rows after the Format Version row, without empty columns."""
    assert answer.status_code == 200, answer.text
    rows = [{k: v for k, v in row.items() if v} for row in csv.DictReader(answer.json()["EntityRecords"])]
    assert rows[0] == {"Type": "Format Version", "Name": "6.0"}
    return rows[1:]


@pytest.mark.behaviour("records.lists-accepted", "records.at-once", "records.status")
def test_a_list_and_its_items_in_one_call(api: Api, shared: Simulator) -> None:
    answer = send(
        api,
        list_row(Id="-10", Audience="Records", Scope="Customer", Client_Id="l\rl"),
        *(item_row("-10", text, Client_Id='i,"1"') for text in hexes(range(3))),
    )
    made, *items = rows_of(answer)
    assert list(answer.json()) == ["EntityRecords", "Errors", "RequestId", "RequestStatus"]
    assert answer.json() | {"EntityRecords": None} == {
        "EntityRecords": None,
        "Errors": None,
        "RequestId": None,
        "RequestStatus": "Completed",
    }
    assert (made["Type"], made["Client Id"], made["Audience"]) == ("Customer List", "l\rl", "Records")
    assert [(item["Parent Id"], item["Client Id"]) for item in items] == [(made["Id"], 'i,"1"')] * 3
    assert api.members(made["Id"]) == hexes(range(3))  # applied before it was answered
    assert not list((shared.data / "uploads").iterdir())


@pytest.mark.behaviour("records.as-a-file", "records.status")
def test_the_rows_are_checked_like_those_of_a_file(api: Api) -> None:
    def rows(number: int) -> list[dict[str, str]]:
        audience = api.create(f"Judged alike {number}")
        return [
            list_row(Id=audience, Action_Type="Add"),
            list_row(Id="12345", Action_Type="Add"),
            *(item_row(audience, text) for text in (*hexes(range(2)), "plain@example.com", "")),
            item_row("12345", hexes([1])[0]),
            {"Type": "Campaign"},
        ]

    for mode in ("ErrorsOnly", "ErrorsAndResults"):
        by_file, by_call = rows(len(mode)), rows(-len(mode))
        answer = send(api, *by_call, mode=mode)
        text = str(rows_of(answer)).replace(by_call[0]["Id"], by_file[0]["Id"])
        text = text.replace(f"alike -{len(mode)}", f"alike {len(mode)}")
        status = api.upload(bulk_csv(*by_file), mode=mode)
        assert text == str(api.results(status))
        assert answer.json()["RequestStatus"] == status["RequestStatus"] == "CompletedWithErrors"
        assert api.members(by_file[0]["Id"]) == api.members(by_call[0]["Id"]) == hexes(range(2))


@pytest.mark.behaviour("calls.response-mode")
def test_errors_only_is_the_default(api: Api) -> None:
    audience = api.create("Records by default")
    rows = [list_row(Id=audience, Action_Type="Add"), item_row(audience, hexes([1])[0])]
    assert rows_of(send(api, *rows, ResponseMode=None)) == []
    assert api.members(audience) == hexes([1])


@pytest.mark.behaviour("records.limit")
def test_the_limit_counts_neither_header_nor_format_version(api: Api) -> None:
    api.control("settings", {"max_entity_records": 5})
    audience = api.create("Records at the limit")
    rows = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, t) for t in hexes(range(5)))]
    too_many = send(api, *rows)
    assert (too_many.status_code, numbers(too_many)) == (400, [3225])
    assert api.members(audience) == []
    assert send(api, *rows[:-1]).json()["RequestStatus"] == "Completed"
    assert api.members(audience) == hexes(range(4))


@pytest.mark.behaviour("records.account", "records.empty")
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"AccountId": None}, [1030]),
        ({"AccountId": "1"}, [106]),
        ({"EntityRecords": None}, [206]),
        ({"EntityRecords": []}, [206]),
        ({"EntityRecords": [None]}, [201]),
        ({"ResponseMode": "Everything"}, [201]),
    ],
)
def test_wrong_calls_are_refused_by_their_codes(api: Api, changes: dict[str, Any], codes: list[int]) -> None:
    answer = send(api, **changes)
    assert numbers(answer) == codes


@pytest.mark.behaviour("records.no-bulk-file")
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["Type,Name", "Customer List,"], 3219),
        (["Type,Name", "Format Version,5.0"], 3217),
        (["Type,Name"], 3219),
        (["a,b", "Format Version,6.0"], 3223),
    ],
)
def test_records_that_are_no_bulk_file(api: Api, lines: list[str], code: int) -> None:
    answer = send(api, EntityRecords=lines).json()
    assert [error["Code"] for error in answer["Errors"]] == [code]
    assert answer["EntityRecords"] is answer["RequestId"] is None
    assert answer["RequestStatus"] == "UploadFileFormatNotSupported"


@pytest.mark.behaviour("calls.no-json")
@pytest.mark.bad_input
def test_text_that_is_no_unicode(api: Api) -> None:
    raw = json.dumps({"AccountId": api.ready["account_id"], "EntityRecords": ["Type,Name\ud800"]})
    answer = api.http.post(PATH, content=raw, headers=api.headers())
    assert numbers(answer) == [100]


def test_an_injected_failure_of_the_processing(api: Api) -> None:
    audience = api.create("Records that fail")
    api.fault("ProcessUpload", "fault", code=4200)
    rows = [list_row(Id=audience, Action_Type="Add"), item_row(audience, hexes([1])[0])]
    answer = send(api, *rows).json()
    assert ([error["Code"] for error in answer["Errors"]], answer["RequestStatus"]) == ([4200], "Failed")
    assert api.members(audience) == []


@pytest.mark.behaviour("records.unsupported")
def test_records_can_be_unsupported(api: Api) -> None:
    api.control("settings", {"entity_records": "unsupported"})
    answer = send(api)
    assert (answer.status_code, numbers(answer)) == (400, [204])
    [error] = answer.json()["OperationErrors"]  # where the SDKs look for it
    assert (answer.json()["Type"], error["ErrorCode"]) == ("ApiFaultDetail", "OperationNotSupported")


@pytest.mark.behaviour("records.async")
def test_records_can_be_answered_later(api: Api) -> None:
    api.control("settings", {"entity_records": "async", "queue_seconds": 10, "processing_seconds": 50})
    audience = api.create("Records later")
    rows = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, t) for t in hexes(range(3)))]
    answer = send(api, *rows).json()
    request_id = answer["RequestId"]
    assert answer == {
        "EntityRecords": None,
        "Errors": None,
        "RequestId": request_id,
        "RequestStatus": "InProgress",
    }
    assert api.status(request_id)["RequestStatus"] == "FileUploaded"
    assert api.members(audience) == []
    api.control("clock", {"advance_seconds": 60})
    status = api.finished(request_id)
    assert len(api.results(status)) == 4
    assert api.members(audience) == hexes(range(3))


@pytest.mark.behaviour("records.throttling")
def test_queued_records_count_as_uploads_in_progress(api: Api) -> None:
    api.control("settings", {"entity_records": "async", "parallel_uploads": 1, "processing_seconds": 3600})
    audience = api.create("Records in work")
    assert send(api, list_row(Id=audience, Action_Type="Add")).status_code == 200
    assert numbers(send(api, list_row(Id=audience, Action_Type="Add"))) == [3227]
    api.control("settings", {"processing_seconds": 0, "entity_records": "sync"})
    assert send(api, list_row(Id=audience, Action_Type="Add")).status_code == 200


@pytest.mark.faults
def test_killed_after_the_answer_or_before_it(start: Start) -> None:
    """After kill -9, acknowledged records are there, and others completely or not at all."""
    first = start()
    first.api.control("settings", {"max_entity_records": 5_000})
    audience = first.api.create("Killed")
    rows = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, t) for t in hexes(range(50)))]
    assert send(first.api, *rows).json()["RequestStatus"] == "Completed"
    first.api.control("settings", {"entity_records": "async", "processing_seconds": 3600})
    later = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, t) for t in hexes(range(90)))]
    request_id = send(first.api, *later).json()["RequestId"]
    first.end(signal.SIGKILL)
    (first.data / "uploads" / "cut-off.csv").write_bytes(b"written, but never processed")
    (first.data / "results" / "cut-off.zip").write_bytes(b"written, but never committed")

    second = start()
    assert second.api.members(audience) == hexes(range(50))
    second.api.control("settings", {"processing_seconds": 0})
    assert second.api.finished(request_id)["RequestStatus"] == "Completed"
    assert second.api.members(audience) == hexes(range(90))
    assert not list(second.data.rglob("*cut-off*"))


def test_calls_at_the_same_time_lose_nothing(api: Api) -> None:
    """Eight callers fill one list, each with its own members, and all try to create one other list."""
    audience = api.create("Filled by eight")

    def fill(caller: int) -> tuple[httpx.Response, httpx.Response]:
        own = hexes(range(100 * caller, 100 * caller + 100))
        rows = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, text) for text in own)]
        name = list_row(Id="-1", Audience="Created by one of eight", Scope="Customer")
        return send(api, *rows), send(api, name, mode="ErrorsOnly")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(fill, range(8)))
    assert {filled.json()["RequestStatus"] for filled, _ in answers} == {"Completed"}
    assert api.members(audience) == hexes(range(800))
    refusals = [[row.get("Error Number") for row in rows_of(made)] for _, made in answers]
    assert sorted(refusals) == [[]] + [[None, "4853"]] * 7
    named = [entry for entry in api.control("audiences") if entry["name"] == "Created by one of eight"]
    assert len(named) == 1


@pytest.mark.faults
@pytest.mark.parametrize("delay", [0.02, 0.1, 0.2])
def test_killed_while_it_works(start: Start, delay: float) -> None:
    """Killed before the answer: either all of the records took effect, or none."""
    first = start()
    first.api.control("settings", {"max_entity_records": 100_000})
    audience = first.api.create("Torn?")
    first.api.apply(audience, "Add", hexes(range(-10, 0)))
    old, new = hexes(range(-10, 0)), hexes(range(20_000))
    rows = [list_row(Id=audience, Action_Type="Replace"), *(item_row(audience, text) for text in new)]

    def call() -> bool:
        try:
            return send(first.api, *rows).status_code == 200
        except httpx.TransportError:
            return False

    with ThreadPoolExecutor(1) as pool:
        answered = pool.submit(call)
        deadline = time.monotonic() + 30
        while not list((first.data / "uploads").iterdir()) and not answered.done():
            assert time.monotonic() < deadline
        time.sleep(delay)
        first.process.kill()
        was_answered = answered.result()
    first.end()
    second = start()
    assert second.api.members(audience) in ([new] if was_answered else [old, new])
    assert all(upload["finished"] for upload in second.api.control("uploads"))  # nothing is done later
    left = sorted(path.name for path in second.data.rglob("*") if path.is_file())
    assert not [name for name in left if name.endswith((".staged", ".partial", ".csv"))]
    assert sum(name.endswith(".digests") for name in left) == 1
    assert send(second.api, *rows[:3]).json()["RequestStatus"] == "Completed"
    assert second.api.members(audience) == sorted(row["Text"] for row in rows[1:3])
