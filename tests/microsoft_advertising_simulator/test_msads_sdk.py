"""The unmodified `msads` SDK (REST) lives a customer list's whole life against the simulator.

Its defects are asserted as what they are, "known defect: …": the simulator answers as documented all the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.microsoft_advertising_simulator.api import Api, Simulator, digest_hex, hexes
from tests.microsoft_advertising_simulator.msads_environment import msads_python

DRIVER = Path(__file__).with_name("msads_driver.py")

# Making the environment, and importing the SDK there, takes its time on a busy machine.
pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


class SdkError(Exception):
    """What the SDK raised: `name` of the class, its `text`, HTTP `status`, and `body`."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['class']}: {error['text']}")
        self.name: str = error["class"]
        self.text: str = error["text"]
        self.status: int | None = error["status"]
        self.body: str | None = error["body"]


class Sdk:
    """The driver process; a call of any method is a command to it."""

    def __init__(self, ready: dict[str, str], folder: Path) -> None:
        with (folder / "stderr.txt").open("w") as log:
            self.process = subprocess.Popen(
                [msads_python(), "-I", DRIVER, json.dumps(ready), folder],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # requests obeys a proxy of the environment; 127.0.0.1 must not go there.
                env=os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
            )
        self.folder = folder

    def __getattr__(self, name: str) -> Any:
        def command(*arguments: Any, **names: Any) -> Any:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(json.dumps({"do": name, "arguments": arguments, "names": names}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            assert line, (self.folder / "stderr.txt").read_text()
            answer = json.loads(line)
            if "error" in answer:
                raise SdkError(answer["error"])
            return answer["ok"]

        return command

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=20) == 0


@pytest.fixture(scope="session")
def process(shared: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    sdk = Sdk(shared.ready, tmp_path_factory.mktemp("msads"))
    yield sdk
    sdk.end()


@pytest.fixture
def sdk(api: Api, process: Sdk) -> Sdk:
    """Signed in with a token of its own."""
    process.sign_in(api.sign_in()["access_token"])
    return process


def customer_list(identifier: str, **fields: Any) -> dict[str, Any]:
    return {"list": {"Id": identifier, **fields}, "client": "the list"}


def items(parent: str, numbers: range) -> list[dict[str, Any]]:
    return [{"parent": parent, "text": digest_hex(n), "client": f"item {n}"} for n in numbers]


def new_list(name: str) -> dict[str, Any]:
    return customer_list("-10", Name=name, Scope="Customer", MembershipDuration=-1)


def called(api: Api, last: str) -> list[str]:
    """Operations of the request log up to `last`; a call is logged just after it was answered."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        operations = [call["operation"] for call in api.control("requests")]
        if operations[-1:] == [last]:
            return operations
        time.sleep(0.01)
    raise AssertionError(operations)


def codes(caught: pytest.ExceptionInfo[SdkError]) -> list[int]:
    """Error codes in the body of a fault."""
    fault = json.loads(caught.value.body or "{}")
    return [error["Code"] for error in fault.get("Errors") or fault["OperationErrors"]]


@pytest.mark.behaviour("msads.lists")
def test_who_signed_in(api: Api, sdk: Sdk) -> None:
    assert sdk.user()["customer"] == api.ready["customer_id"]
    assert sdk.accounts() == [api.ready["account_id"]]


@pytest.mark.behaviour("msads.lists")
def test_lists_are_added_found_changed_filled_and_deleted(api: Api, sdk: Sdk) -> None:
    added = sdk.add({"Name": "msads one"}, {"Name": "msads two", "MembershipDuration": 60})
    assert added["errors"] == []
    first, second = added["ids"]
    found = sdk.get([second, "5", first])
    assert found["errors"] == [[1, 4835]]
    assert [entry and (entry["class"], entry["name"], entry["duration"]) for entry in found["lists"]] == [
        ("CustomerList", "msads two", 60),
        None,
        ("CustomerList", "msads one", -1),
    ]
    assert {first, second} <= {entry["id"] for entry in sdk.get()["lists"]}
    assert sdk.update({"Id": first, "Name": "msads renamed"}, {"Id": "5", "Name": "nobody"}) == [[1, 4835]]
    assert sdk.apply(first, "Add", [*hexes(range(4)), "plain@example.com"]) == [[4, 8004]]
    assert sdk.apply(first, "Remove", [digest_hex(0)]) == []
    assert api.members(first) == hexes(range(1, 4))
    [shown] = sdk.get([first])["lists"]
    assert (shown["name"], shown["size"]) == ("msads renamed", None)
    api.control("settings", {"size_delay_seconds": 0})
    assert sdk.get([first])["lists"][0]["size"] == "3"
    assert sdk.delete([first, "5"]) == [[1, 4835]]
    assert sdk.get([first])["lists"] == [None]


@pytest.mark.behaviour("msads.uploads")
def test_the_sdk_uploads_a_file(api: Api, sdk: Sdk) -> None:
    done = sdk.upload_file([new_list("msads file"), *items("-10", range(5))])
    made, *rows = done["rows"]
    assert (made["class"], made["client"], made["status"]) == ("BulkCustomerList", "the list", "Active")
    assert [(row["client"], row["parent"]) for row in rows] == [(f"item {n}", made["id"]) for n in range(5)]
    assert api.members(str(made["id"])) == hexes(range(5))
    removal = customer_list(str(made["id"])) | {"action": "Remove"}
    bad = {"parent": str(made["id"]), "text": "plain@example.com", "client": "bad"}
    done = sdk.upload_file([removal, *items(str(made["id"]), range(3)), bad])
    assert [(row["client"], row["errors"]) for row in done["rows"] if "errors" in row] == [
        ("bad", [[8004, "EmailMustBeHashed"]])
    ]
    assert api.members(str(made["id"])) == hexes(range(3, 5))


@pytest.mark.behaviour("records.as-a-file", "records.at-once", "records.lists-accepted", "msads.uploads")
def test_upload_entities_up_to_1000_uses_entity_records(api: Api, sdk: Sdk) -> None:
    api.control("requests", method="DELETE")
    made, *rows = sdk.upload_entities([new_list("msads 1000"), *items("-10", range(999))])
    assert called(api, "UploadEntityRecords") == ["UploadEntityRecords"]
    assert len(rows) == 999
    assert {row["parent"] for row in rows} == {made["id"]}
    assert api.members(str(made["id"])) == hexes(range(999))


@pytest.mark.behaviour("msads.uploads")
def test_upload_entities_beyond_1000_uses_a_file(api: Api, sdk: Sdk) -> None:
    api.control("requests", method="DELETE")
    made, *rows = sdk.upload_entities([new_list("msads 1001"), *items("-10", range(1000))])
    assert called(api, "DownloadResult")[:2] == ["GetBulkUploadUrl", "UploadFile"]
    assert len(rows) == 1000
    assert api.members(str(made["id"])) == hexes(range(1000))


@pytest.mark.behaviour("records.async", "msads.uploads")
def test_upload_entities_answered_later(api: Api, sdk: Sdk) -> None:
    api.control("settings", {"entity_records": "async"})
    api.control("requests", method="DELETE")
    made, *rows = sdk.upload_entities([new_list("msads later"), *items("-10", range(3))])
    operations = called(api, "DownloadResult")
    assert list(dict.fromkeys(operations)) == ["UploadEntityRecords", "GetBulkUploadStatus", "DownloadResult"]
    assert len(rows) == 3
    assert api.members(str(made["id"])) == hexes(range(3))


@pytest.mark.parametrize("kind", ["Csv", "Tsv"])
@pytest.mark.behaviour(
    "downloads.file", "downloads.account-row", "downloads.lists", "downloads.formats", "msads.downloads"
)
def test_download_of_customer_lists(api: Api, sdk: Sdk, kind: str) -> None:
    audience = api.create(f"msads download, {kind}")
    api.apply(audience, "Add", hexes(range(7)))
    api.control("settings", {"size_delay_seconds": 0})
    account, *lists = sdk.download(kind=kind)
    assert account["class"] == "BulkAccount"
    [found] = [row for row in lists if row["id"] == int(audience)]
    assert (found["name"], found["status"], found["size"]) == (f"msads download, {kind}", "Active", 7)
    living = {int(entry["id"]) for entry in api.control("audiences") if not entry["deleted"]}
    assert {row["id"] for row in lists} == living


@pytest.mark.behaviour("downloads.since", "msads.downloads")
def test_download_of_what_changed(api: Api, sdk: Sdk) -> None:
    gone = api.create("msads gone")
    api.control("clock", {"advance_seconds": 3600})
    # Without its zone, as the SDK's own examples write it.
    now = datetime.fromisoformat(api.control("clock")["now"])
    since = (now - timedelta(minutes=30)).replace(tzinfo=None).isoformat()
    api.token = api.sign_in()["access_token"]
    sdk.sign_in(api.token)
    api.campaign("Audiences", {"AudienceIds": [gone]}, "DELETE")
    _, *lists = sdk.download(since=since)
    assert [(row["id"], row["status"]) for row in lists] == [(int(gone), "Deleted")]


@pytest.mark.behaviour("downloads.other-entities")
def test_a_refused_download(sdk: Sdk) -> None:
    with pytest.raises(SdkError) as caught:
        sdk.download(entities=["Campaigns"])
    assert (caught.value.name, caught.value.status, codes(caught)) == ("BadRequestException", 400, [3211])


@pytest.mark.behaviour("calls.expired-token", "msads.tokens")
def test_an_expired_token_reaches_the_caller(api: Api, sdk: Sdk) -> None:
    """Known defect: the SDK does not renew tokens by itself; the caller must, and call again."""
    api.control("tokens", {"expire_access": True})
    for call in (sdk.user, sdk.get, lambda: sdk.upload_entities([new_list("msads expired")])):
        with pytest.raises(SdkError) as caught:
            call()
        assert (caught.value.name, caught.value.status, codes(caught)) == (
            "UnauthorizedException",
            401,
            [109],
        )
    api.token = api.sign_in()["access_token"]
    sdk.sign_in(api.token)
    assert sdk.user()["customer"] == api.ready["customer_id"]


@pytest.mark.behaviour("msads.failed-upload")
def test_known_defect_a_failed_upload_is_not_reported(sdk: Sdk) -> None:
    """Known defect: a status with Errors crashes the SDK, so that its code is lost."""
    with pytest.raises(SdkError, match="'list' object has no attribute 'OperationError'") as caught:
        sdk.upload_file([], content="\ufeffType,Name\nFormat Version,5.0\n")
    assert caught.value.name == "AttributeError"


@pytest.mark.behaviour("records.unsupported", "msads.no-fallback")
def test_known_defect_no_fallback_to_a_file(api: Api, sdk: Sdk) -> None:
    """Known defect: the SDK means to repeat as a file on OperationNotSupported, but cannot read the code."""
    api.control("settings", {"entity_records": "unsupported"})
    with pytest.raises(SdkError) as caught:
        sdk.upload_entities([new_list("msads unsupported")])
    assert (caught.value.name, codes(caught)) == ("BadRequestException", [204])


@pytest.mark.behaviour("msads.null-ids")
def test_known_defect_null_ids_of_refused_audiences(api: Api, sdk: Sdk) -> None:
    """Known defect: documented nulls in AudienceIds crash the SDK, though the other audiences were added."""
    with pytest.raises(SdkError, match=r"AudienceIds\.1") as caught:
        sdk.add({"Name": "msads partly"}, {"Name": ""})
    assert caught.value.name == "ValidationError"
    assert "msads partly" in {entry["name"] for entry in api.control("audiences")}


@pytest.mark.behaviour("msads.call-rate")
def test_known_defect_117_is_not_waited_for(api: Api, sdk: Sdk) -> None:
    """Known defect: 15 seconds are meant to be waited, but the SDK cannot read the code: it waits one."""
    api.control("requests", method="DELETE")
    api.fault("GetBulkUploadStatus", "fault", code=117)
    assert len(sdk.upload_file([new_list("msads hasty"), *items("-10", range(1))])["rows"]) == 2
    asked = [call for call in api.control("requests") if call["operation"] == "GetBulkUploadStatus"]
    refused, again = (datetime.fromisoformat(call["time"]) for call in asked[:2])
    assert asked[0]["codes"] == [117]
    assert again - refused < timedelta(seconds=14)


@pytest.mark.behaviour("msads.tracking-id")
def test_known_defect_no_tracking_id(sdk: Sdk) -> None:
    """Known defect: the SDK never keeps the last answer whose headers it offers."""
    assert sdk.user()["headers"] == {}


@pytest.mark.behaviour("msads.number-ids")
def test_known_defect_account_ids_must_be_text(sdk: Sdk) -> None:
    with pytest.raises(SdkError, match="account_id") as caught:
        sdk.upload_with_a_number_as_account()
    assert caught.value.name == "ValidationError"


@pytest.mark.behaviour("msads.file-name")
def test_known_defect_downloads_need_a_file_name(sdk: Sdk) -> None:
    """Known defect: the name is documented as optional; then the request's answer is taken for a path."""
    with pytest.raises(SdkError, match="DownloadCampaignsByAccountIdsResponse") as caught:
        sdk.download(name=None)
    assert caught.value.name == "TypeError"


@pytest.mark.behaviour("msads.renamed-file")
def test_known_defect_the_callers_file_is_renamed(sdk: Sdk) -> None:
    assert sdk.upload_file([new_list("msads renames")])["file_is_still_there"] is False


@pytest.mark.behaviour("msads.line-breaks")
def test_known_defect_line_breaks_lose_the_spaces_around_them(sdk: Sdk) -> None:
    """Known defect: records are cut at every line end, also within quotes, and stripped."""
    row = new_list("msads lines") | {"client": "two  \n  lines"}
    [made] = sdk.upload_entities([row])
    assert made["client"] == "two\nlines"
