"""Bulk download of customer lists: request, status, file."""

from __future__ import annotations

import csv
import gzip
import io
import re
import signal
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.microsoft_advertising_simulator.api import Api, digest_hex, numbers
from tests.microsoft_advertising_simulator.conftest import Start

PATH = "/Bulk/v13/Campaigns/DownloadByAccountIds"
STATUS = "/Bulk/v13/BulkDownloadStatus/Query"


def ask(api: Api, **changes: Any) -> httpx.Response:
    body = {
        "AccountIds": [api.ready["account_id"]],
        "DataScope": "EntityData",
        "DownloadEntities": ["CustomerLists"],
        "DownloadFileType": "Csv",
        "FormatVersion": "6.0",
    }
    return api.call(PATH, {key: value for key, value in (body | changes).items() if value != "absent"})


def status(api: Api, request_id: str) -> dict[str, Any]:
    answer = api.call(STATUS, {"RequestId": request_id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def request_id(api: Api, **changes: Any) -> str:
    answer = ask(api, **changes)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["DownloadRequestId"]
    return str(answer.json()["DownloadRequestId"])


def rows(api: Api, **changes: Any) -> dict[str, dict[str, str]]:
    """The list rows of a full download by Id, without empty columns."""
    _, *lists = api.results(status(api, request_id(api, **changes)))
    assert {row["Type"] for row in lists} <= {"Customer List"}
    return {row["Id"]: row for row in lists}


def now(api: Api) -> datetime:
    return datetime.fromisoformat(api.control("clock")["now"])


@pytest.mark.behaviour("downloads.file", "downloads.account-row", "downloads.lists")
def test_the_file_contains_the_account_and_every_existing_list(api: Api) -> None:
    kept = api.create("Downloaded", Description='with "quotes", commas,\nlines\rmore', MembershipDuration=45)
    own = api.create(
        "Downloaded too", Scope="Account", ParentId=api.ready["account_id"], Description="two\nlines"
    )
    gone = api.create("Deleted before")
    api.campaign("Audiences", {"AudienceIds": [gone]}, "DELETE")
    answer = api.http.get(status(api, request_id(api))["ResultFileUrl"])  # no credentials
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        [name] = archive.namelist()
        raw = archive.read(name)
    assert name.endswith(".csv")
    assert raw.startswith(b"\xef\xbb\xbfType,Status,Id,")
    header, version, account, *lists = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert len(header) >= 438
    assert {len(row) for row in (version, account, *lists)} == {len(header)}
    assert (version[0], version[header.index("Name")]) == ("Format Version", "6.0")
    found = dict(zip(header, account, strict=True))
    assert (found["Type"], found["Id"]) == ("Account", api.ready["account_id"])
    made = datetime.strptime(found["Sync Time"], "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC)
    assert abs(made - now(api)) < timedelta(minutes=5)
    living = {row[2]: {k: v for k, v in zip(header, row, strict=True) if v} for row in lists}
    assert gone not in living
    assert (living[own]["Parent Id"], living[own]["Description"]) == (api.ready["account_id"], "two\nlines")
    assert "Audience Search Size" not in living[kept]  # too young to have a size
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d\.\d{3}", living[kept].pop("Modified Time"))
    assert living[kept] == {
        "Type": "Customer List",
        "Status": "Active",
        "Id": kept,
        "Parent Id": api.ready["customer_id"],
        "Audience": "Downloaded",
        "Description": 'with "quotes", commas,\nlines\rmore',
        "Scope": "Customer",
        "Membership Duration": "45",
    }


@pytest.mark.behaviour("downloads.lists")
def test_sizes_after_a_day(api: Api) -> None:
    audience = api.create("Sized download")
    api.apply(audience, "Add", [digest_hex(n) for n in range(7)])
    assert "Audience Search Size" not in rows(api)[audience]
    api.control("settings", {"size_delay_seconds": 0})
    row = rows(api)[audience]
    assert (row["Audience Search Size"], row["Audience Network Size"]) == ("7", "7")


@pytest.mark.behaviour("downloads.since", "downloads.member-changes")
def test_only_what_changed_since_a_time_and_what_was_deleted(api: Api) -> None:
    old, renamed, gone, filled = (api.create(f"Since {n}") for n in range(4))
    api.control("clock", {"advance_seconds": 100})
    since = (now(api) - timedelta(seconds=50)).isoformat()
    assert rows(api, LastSyncTimeInUTC=since) == {}
    change = {"Type": "CustomerList", "Id": renamed, "Name": "Since, renamed"}
    api.campaign("Audiences", {"Audiences": [change]}, "PUT")
    api.campaign("Audiences", {"AudienceIds": [gone]}, "DELETE")
    new = api.create("Since 4")
    api.apply(filled, "Add", [digest_hex(1)])
    # The time may lack its zone: the field's name says UTC. The REST SDK sends it so.
    found = rows(api, LastSyncTimeInUTC=since.removesuffix("+00:00"))
    assert old not in found
    assert {i: row["Status"] for i, row in found.items()} == {
        renamed: "Active",
        gone: "Deleted",
        filled: "Active",
        new: "Active",
    }
    assert found[renamed]["Audience"] == "Since, renamed"


@pytest.mark.behaviour("downloads.formats")
def test_a_tsv_by_gzip(api: Api) -> None:
    audience = api.create("Tabbed, really", Description="a\tb")
    found = status(api, request_id(api, DownloadFileType="Tsv", CompressionType="GZip"))
    answer = api.http.get(found["ResultFileUrl"])
    assert answer.headers["Content-Type"] == "application/gzip"
    text = gzip.decompress(answer.content).decode("utf-8-sig")
    lists = {row["Id"]: row for row in csv.DictReader(io.StringIO(text, newline=""), delimiter="\t")}
    assert (lists[audience]["Audience"], lists[audience]["Description"]) == ("Tabbed, really", "a\tb")


@pytest.mark.behaviour("downloads.states", "downloads.fresh-url", "downloads.moment")
def test_states_follow_the_clock(api: Api) -> None:
    api.control("settings", {"queue_seconds": 100, "processing_seconds": 100})
    asked = request_id(api)
    later = api.create("Created while the download runs")
    first = status(api, asked)
    assert first == {
        "Errors": None,
        "ForwardCompatibilityMap": None,
        "PercentComplete": 0,
        "RequestStatus": "InProgress",
        "ResultFileUrl": None,
    }
    api.control("clock", {"advance_seconds": 150})
    assert 70 <= status(api, asked)["PercentComplete"] < 100
    api.control("clock", {"advance_seconds": 51})
    done = status(api, asked)
    assert (done["RequestStatus"], done["PercentComplete"], done["Errors"]) == ("Completed", 100, None)
    assert later not in {row["Id"] for row in api.results(done)}
    again = status(api, asked)["ResultFileUrl"]
    assert again != done["ResultFileUrl"]
    api.control("clock", {"advance_seconds": 301})
    assert api.http.get(again).status_code == 403
    assert api.http.get(status(api, asked)["ResultFileUrl"]).status_code == 200


@pytest.mark.behaviour("downloads.request-id-life", "downloads.unknown-id")
def test_a_request_id_is_valid_for_two_days(api: Api) -> None:
    asked = request_id(api)
    api.control("clock", {"advance_seconds": 172_700})
    api.token = api.sign_in()["access_token"]
    url = status(api, asked)["ResultFileUrl"]
    assert api.http.get(url).status_code == 200
    api.control("clock", {"advance_seconds": 101})
    assert api.http.get(url).status_code == 404
    assert numbers(api.call(STATUS, {"RequestId": asked})) == [3205]


@pytest.mark.behaviour("downloads.unknown-id")
def test_uploads_and_downloads_have_separate_ids(api: Api) -> None:
    upload, _ = api.request_url()
    for unknown in (upload, "nonsense", None):
        assert numbers(api.call(STATUS, {"RequestId": unknown})) == [3205]
    assert numbers(api.call("/Bulk/v13/BulkUploadStatus/Query", {"RequestId": request_id(api)})) == [4201]


@pytest.mark.behaviour(
    "downloads.account",
    "downloads.entities",
    "downloads.other-entities",
    "downloads.scope",
    "downloads.quality-scores",
    "downloads.sync-times",
)
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"AccountIds": None}, [3306]),
        ({"AccountIds": []}, [3306]),
        ({"AccountIds": ["1", "2"]}, [3201]),
        ({"AccountIds": ["1"]}, [106]),
        ({"FormatVersion": "absent"}, [3219]),
        ({"FormatVersion": "5.0"}, [3217]),
        ({"DownloadEntities": None}, [3210]),
        ({"DownloadEntities": []}, [3210]),
        ({"DownloadEntities": ["CustomerLists", "Campaigns"]}, [3211]),
        ({"DownloadEntities": ["CustomerList"]}, [3211]),
        ({"DataScope": "EntityData Everything"}, [3228]),
        ({"DownloadFileType": "Xml"}, [201]),
        ({"CompressionType": "Rar"}, [201]),
        ({"LastSyncTimeInUTC": "yesterday"}, [201]),
        ({"LastSyncTimeInUTC": "2999-01-01T00:00:00Z"}, [3208]),
        ({"LastSyncTimeInUTC": "2020-01-01T00:00:00Z"}, [3209]),
        ({"LastSyncTimeInUTC": "2026-01-01T00:00:00", "DataScope": "EntityData,QualityScoreData"}, [3213]),
    ],
)
def test_wrong_requests_are_refused_by_their_codes(
    api: Api, changes: dict[str, Any], codes: list[int]
) -> None:
    assert numbers(ask(api, **changes)) == codes


@pytest.mark.behaviour("downloads.scope", "downloads.formats")
def test_optional_fields(api: Api) -> None:
    left_out = dict.fromkeys(("DataScope", "DownloadFileType"), "absent")
    assert status(api, request_id(api, **left_out))["RequestStatus"] == "Completed"
    assert status(api, request_id(api, DataScope="EntityData QualityScoreData"))["PercentComplete"] == 100


@pytest.mark.behaviour("downloads.counted-apart")
def test_uploads_and_downloads_are_counted_separately(api: Api) -> None:
    api.control("clock", {"advance_seconds": 901})
    api.control("settings", {"downloads_per_15_minutes": 1, "upload_urls_per_15_minutes": 1})
    request_id(api)
    answer = ask(api)
    assert (answer.status_code, numbers(answer)) == (400, [4204])
    assert api.request_url()
    api.control("clock", {"advance_seconds": 901})
    assert request_id(api)


@pytest.mark.behaviour("downloads.failed")
@pytest.mark.parametrize(("code", "state"), [(0, "Failed"), (3603, "FailedFullSyncRequired")])
def test_an_injected_failure(api: Api, code: int, state: str) -> None:
    api.fault("ProcessDownload", "fault", code=code)
    failed = status(api, request_id(api))
    assert (failed["RequestStatus"], failed["PercentComplete"]) == (state, 0)
    assert [error["Code"] for error in failed["Errors"]] == [code]
    assert failed["ResultFileUrl"] is None
    assert status(api, request_id(api))["RequestStatus"] == "Completed"


@pytest.mark.behaviour("downloads.since")
def test_a_time_without_zone_is_utc_wherever_the_simulator_runs(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    api = start().api
    since = (now(api) - timedelta(minutes=1)).replace(tzinfo=None)
    assert ask(api, LastSyncTimeInUTC=since.isoformat()).status_code == 200
    later = (now(api) + timedelta(minutes=1)).replace(tzinfo=None)
    assert numbers(ask(api, LastSyncTimeInUTC=later.isoformat())) == [3208]


@pytest.mark.faults
def test_a_download_survives_kill_9(start: Start) -> None:
    first = start()
    first.api.control("clock", {"queue_seconds": 0, "processing_seconds": 0})
    audience = first.api.create("Downloaded later")
    asked = request_id(first.api)
    url = status(first.api, asked)["ResultFileUrl"]
    first.end(signal.SIGKILL)
    second = start()
    path = httpx.URL(url).path
    assert second.api.http.get(path).status_code == 200
    _, row = second.api.results(status(second.api, asked))
    assert row["Id"] == audience


@pytest.mark.behaviour("downloads.by-campaigns", "audiences.apply-items-deprecated")
def test_operations_that_are_not_offered(api: Api) -> None:
    assert api.call("/Bulk/v13/Campaigns/DownloadByCampaignIds", {}).status_code == 404
    assert api.campaign("CustomerListItems/Apply", {}).status_code == 404
