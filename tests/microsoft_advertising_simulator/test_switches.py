"""Both readings of what the documents leave open or contradict."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any, Literal, get_origin

import pytest

from microsoft_advertising_simulator.behaviours.table import BEHAVIOURS
from microsoft_advertising_simulator.settings import Settings
from tests.microsoft_advertising_simulator.api import (
    HEADER,
    Api,
    bulk_csv,
    digest_hex,
    hexes,
    item_row,
    list_row,
    numbers,
    partial,
    zipped,
)

BULK_ENDS = ("Completed", "CompletedWithErrors")


def codes(api: Api, status: dict[str, Any]) -> list[str]:
    """Error numbers in the results, in file order."""
    return [row["Error Number"] for row in api.results(status) if row["Type"].endswith(" Error")]


def test_every_switch_is_named_by_a_behaviour() -> None:
    text = " ".join(entry.what for entry in BEHAVIOURS)
    switches = [
        name
        for name, field in Settings.model_fields.items()
        if name != "sandbox" and (field.annotation is bool or get_origin(field.annotation) is Literal)
    ]
    assert len(switches) > 12
    assert not [name for name in switches if f"`{name}`" not in text]


@pytest.mark.behaviour("lists.duration")
@pytest.mark.parametrize(("maximum", "good", "bad"), [(390, 390, 391), (180, 180, 181), (None, 100_000, 0)])
def test_the_longest_membership_can_be_set(api: Api, maximum: int | None, good: int, bad: int) -> None:
    api.control("settings", {"max_membership_days": maximum})
    assert api.create(f"Lasting {good}", MembershipDuration=good)
    refused = api.campaign("Audiences", {"Audiences": [api.audience("Too long", MembershipDuration=bad)]})
    assert partial(refused) == [(0, 4842)]
    rows = [
        list_row(
            Id="-1", Audience=f"Lasting {good} in Bulk", Scope="Customer", Membership_Duration=str(good)
        ),
        list_row(Id="-2", Audience="Too long in Bulk", Scope="Customer", Membership_Duration=str(bad)),
    ]
    assert codes(api, api.upload(bulk_csv(*rows))) == ["4842"]


@pytest.mark.behaviour("status.result-url", "status.gone")
@pytest.mark.parametrize("seconds", [300, 900])
def test_validity_of_a_result_url(api: Api, seconds: int) -> None:
    api.control("settings", {"result_url_seconds": seconds, "result_file_seconds": 86_400})
    url = api.upload(bulk_csv())["ResultFileUrl"]
    api.control("clock", {"advance_seconds": seconds - 20})
    assert api.http.get(url).status_code == 200
    api.control("clock", {"advance_seconds": 20})
    assert api.http.get(url).status_code == 403


@pytest.mark.behaviour("status.result-kept")
@pytest.mark.parametrize(("begin", "kept"), [("end", True), ("submission", False)])
def test_results_are_kept_from(api: Api, begin: str, kept: bool) -> None:
    api.control("settings", {"results_kept_from": begin, "processing_seconds": 1000})
    request_id, url = api.request_url()
    assert api.post_file(url, bulk_csv()).status_code == 200
    api.control("clock", {"advance_seconds": 1001})
    status = api.finished(request_id)
    assert status["RequestStatus"] == "Completed"
    assert (status["ResultFileUrl"] is not None) is kept


@pytest.mark.behaviour("file.size-measure")
def test_size_measured_by_the_limit(api: Api) -> None:
    packed = zipped(bulk_csv() + b"\n" * 200_000)
    api.control("settings", {"max_file_bytes": 100_000})
    assert api.upload(packed, "up.zip")["RequestStatus"] == "Completed"
    api.control("settings", {"file_size_counts": "unzipped"})
    _, url = api.request_url()
    answer = api.post_file(url, packed, "up.zip")
    assert (answer.status_code, answer.json()["Code"]) == (413, 3223)
    assert api.post_file(url, zipped(bulk_csv()), "up.zip").status_code == 200


@pytest.mark.behaviour("parse.no-bom")
def test_byte_order_mark(api: Api) -> None:
    content = bulk_csv(list_row(Id="-1", Audience="Without mark", Scope="Customer"), bom=False)
    assert api.upload(content)["RequestStatus"] == "UploadFileFormatNotSupported"
    api.control("settings", {"bom_required": False})
    assert api.upload(content)["RequestStatus"] == "Completed"
    marked = bulk_csv(list_row(Id="-1", Audience="With mark", Scope="Customer"))
    assert api.upload(marked)["RequestStatus"] == "Completed"


@pytest.mark.behaviour("lists.name-compared")
def test_case_of_names(api: Api) -> None:
    api.create("Straße A")
    assert api.create("STRASSE a")
    api.control("settings", {"names_ignore_case": True})
    assert partial(api.campaign("Audiences", {"Audiences": [api.audience("STRAßE A")]})) == [(0, 4853)]
    rows = [
        list_row(Id="-1", Audience="straße A", Scope="Customer"),
        list_row(Id="-2", Audience="Straße B", Scope="Customer"),
        list_row(Id="-3", Audience="straße b", Scope="Customer"),
    ]
    assert codes(api, api.upload(bulk_csv(*rows))) == ["4853", "4853"]


@pytest.mark.behaviour("lists.scope")
def test_scope_account_in_bulk(api: Api) -> None:
    row = list_row(Id="-1", Audience="Of the account, in Bulk", Scope="Account")
    api.control("settings", {"account_scope_in_bulk": False})
    assert codes(api, api.upload(bulk_csv(row))) == ["4849"]
    of_customer = list_row(Id="-1", Audience="Of the customer, in Bulk", Scope="Customer")
    assert codes(api, api.upload(bulk_csv(of_customer))) == []
    api.control("settings", {"account_scope_in_bulk": True})
    assert codes(api, api.upload(bulk_csv(row))) == []


@pytest.mark.behaviour("lists.action-delete")
def test_delete_as_an_alias_of_remove(api: Api) -> None:
    audience = api.create("Deleting members")
    api.apply(audience, "Add", hexes(range(4)))
    rows = [list_row(Id=audience, Action_Type="Delete"), item_row(audience, digest_hex(0))]
    assert codes(api, api.upload(bulk_csv(*rows))) == ["8001", "8001"]
    assert numbers(api.apply(audience, "Delete", hexes([1]))) == [8001]
    assert api.members(audience) == hexes(range(4))
    api.control("settings", {"delete_removes": True})
    assert codes(api, api.upload(bulk_csv(*rows))) == []
    assert partial(api.apply(audience, "Delete", hexes([1]))) == []
    assert api.members(audience) == hexes([2, 3])


@pytest.mark.behaviour("lists.terms-false")
def test_refused_terms_can_fail_the_upload(api: Api) -> None:
    rows = [
        list_row(
            Id="-1", Audience="Refusing the terms", Scope="Customer", Accept_Customer_Match_Term="False"
        ),
        list_row(Id="-2", Audience="Beside it", Scope="Customer"),
    ]
    api.control("settings", {"terms_false_fails_upload": True})
    status = api.upload(bulk_csv(*rows))
    assert (status["RequestStatus"], [error["Code"] for error in status["Errors"]]) == ("Failed", [8003])
    assert not {"Refusing the terms", "Beside it"} & {entry["name"] for entry in api.control("audiences")}
    api.control("settings", {"terms_false_fails_upload": False})
    assert codes(api, api.upload(bulk_csv(*rows))) == ["8003"]
    names = {entry["name"] for entry in api.control("audiences")}
    assert ("Beside it" in names, "Refusing the terms" in names) == (True, False)


@pytest.mark.behaviour("items.upper-case", "items.duplicates")
def test_upper_case_hashes_are_the_same_members(api: Api) -> None:
    audience = api.create("Upper")
    upper = [text.upper() for text in hexes(range(3))]
    assert partial(api.apply(audience, "Add", upper)) == [(0, 8004), (1, 8004), (2, 8004)]
    api.control("settings", {"upper_case_hashes": True})
    assert partial(api.apply(audience, "Add", [*upper, *hexes(range(3))])) == []
    assert api.members(audience) == hexes(range(3))


@pytest.mark.behaviour("items.duplicates")
def test_duplicates_can_be_refused(api: Api) -> None:
    audience, other = api.create("Once"), api.create("Once more")
    rows = [
        list_row(Id=audience, Action_Type="Add"),
        list_row(Id=other, Action_Type="Add"),
        item_row(audience, digest_hex(1)),
        item_row(audience, digest_hex(1), Client_Id="again"),
        item_row(other, digest_hex(1)),
        *(item_row(audience, text) for text in hexes(range(100, 30_100))),  # another piece of the file
        item_row(audience, digest_hex(100), Client_Id="much later"),
        item_row(audience, "bad"),
        item_row(audience, "bad"),
    ]
    assert codes(api, api.upload(bulk_csv(*rows), mode="ErrorsOnly")) == ["8004", "8004"]
    assert partial(api.apply(audience, "Add", [digest_hex(1)] * 2)) == []
    api.control("settings", {"duplicates_refused": True})
    status = api.upload(bulk_csv(*rows), mode="ErrorsOnly")
    refused = [(row.get("Client Id"), row["Error Number"]) for row in api.results(status) if "Error" in row]
    assert refused == [("again", "4200"), ("much later", "4200"), (None, "8004"), (None, "8004")]
    assert partial(api.apply(audience, "Add", [digest_hex(1)] * 2)) == [(1, 4200)]


@pytest.mark.behaviour("audiences.update")
def test_updates_of_customer_lists(api: Api) -> None:
    audience = api.create("Not to be updated")
    change = {"Audiences": [{"Type": "CustomerList", "Id": audience, "Name": "Updated"}]}
    api.control("settings", {"updates_customer_lists": False})
    assert partial(api.campaign("Audiences", change, "PUT")) == [(0, 4859)]
    assert "Updated" not in [entry["name"] for entry in api.control("audiences")]
    api.control("settings", {"updates_customer_lists": True})
    assert partial(api.campaign("Audiences", change, "PUT")) == []


@pytest.mark.behaviour("audiences.sizes")
@pytest.mark.parametrize("hours", [24, 48])
def test_hours_until_sizes(api: Api, hours: int) -> None:
    api.control("settings", {"size_delay_seconds": hours * 3600})
    query = {"AudienceIds": [api.create(f"Sized after {hours}")]}
    sizes = []
    for seconds in (hours * 3600 - 60, 60):
        api.control("clock", {"advance_seconds": seconds})
        api.token = api.sign_in()["access_token"]
        sizes.append(api.campaign("Audiences/QueryByIds", query).json()["Audiences"][0]["SearchSize"])
    assert sizes == [None, "0"]


@pytest.mark.behaviour("calls.http-status")
@pytest.mark.parametrize("status", [400, 429])
def test_http_status_of_throttling(api: Api, status: int) -> None:
    api.control("settings", {"http_status_of_117": status, "http_status_of_4204": status})
    body = {"ResponseMode": "ErrorsOnly", "AccountId": api.ready["account_id"]}
    for code in (117, 4204):
        api.fault("GetBulkUploadUrl", "fault", code=code)
        answer = api.call("/Bulk/v13/BulkUploadUrl/Query", body)
        assert (answer.status_code, numbers(answer)) == (status, [code])
    api.control("settings", {"upload_urls_per_15_minutes": 1})
    answers = [api.call("/Bulk/v13/BulkUploadUrl/Query", body) for _ in range(2)]
    assert (answers[-1].status_code, numbers(answers[-1])) == (status, [4204])
    api.control("settings", {"calls_per_minute": 1})
    answers = [api.call("/Bulk/v13/BulkUploadUrl/Query", body) for _ in range(2)]
    assert (answers[-1].status_code, numbers(answers[-1])) == (status, [117])


@pytest.mark.behaviour("items.at-once")
@pytest.mark.parametrize(("atomic", "left"), [(True, [1, 2, 3]), (False, [])])
def test_replace_that_fails(api: Api, atomic: bool, left: list[int]) -> None:
    """Whether the former members are still there: the file turns out too long, or processing fails."""
    api.control("settings", {"replace_is_atomic": atomic, "max_rows": 40_000})
    audience = api.create(f"Replaced {atomic}")
    row = list_row(Id=audience, Action_Type="Replace", Audience=f"Renamed {atomic}")
    long = bulk_csv(row, *(item_row(audience, text) for text in hexes(range(40_000))))
    short = bulk_csv(row, item_row(audience, digest_hex(9)))
    for content, state in ((long, "UploadFileRowCountExceeded"), (short, "Failed")):
        api.apply(audience, "Add", hexes([1, 2, 3]))
        if state == "Failed":
            api.fault("ProcessUpload", "fault", code=4200)
        assert api.upload(content)["RequestStatus"] == state
        assert api.members(audience) == hexes(left)
    assert api.upload(short)["RequestStatus"] == "Completed"
    assert api.members(audience) == hexes([9])


@pytest.mark.behaviour("items.refused-replace")
def test_replace_whose_items_are_all_refused_with_the_list(api: Api) -> None:
    audience = api.create("Not to be emptied")
    api.apply(audience, "Add", hexes([1, 2]))
    rows = [list_row(Id=audience, Action_Type="Replace"), item_row(audience, digest_hex(3))]
    for atomic in (True, False):
        api.control("settings", {"terms_accepted": False, "replace_is_atomic": atomic})
        assert codes(api, api.upload(bulk_csv(*rows))) == ["8003"]
        assert api.members(audience) == hexes([1, 2])


@pytest.mark.behaviour("status.result-format")
@pytest.mark.parametrize("columns", ["all", "uploaded", "shuffled"])
def test_columns_of_results(api: Api, columns: str) -> None:
    api.control("settings", {"result_columns": columns})
    audience = api.create(f"Columns {columns}")
    rows = [
        list_row(Id=audience, Action_Type="Add", Client_Id="l"),
        item_row(audience, digest_hex(1), Client_Id="good"),
        item_row(audience, 'bad, "really"', Client_Id="bad"),
    ]
    status = api.upload(bulk_csv(*rows))
    results = api.results(status)
    assert [row["Client Id"] for row in results] == ["l", "good", "bad", "bad"]
    assert results[1]["Text"] == digest_hex(1)
    assert (results[3]["Type"], results[3]["Error Number"]) == ("Customer List Item Error", "8004")
    assert results[3]["Text"] == 'bad, "really"'
    with zipfile.ZipFile(io.BytesIO(api.http.get(status["ResultFileUrl"]).content)) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert {len(line) for line in lines} == {len(header)}
    assert header[0] == "Type"
    if columns == "uploaded":
        assert header == [*HEADER, "Error", "Error Number", "Field Path", "Error Detail"]
    else:
        usual = header[:4] == ["Type", "Status", "Id", "Parent Id"] and len(header) == 444
        assert (usual, "Simulated New Column" in header) == (columns == "all", columns == "shuffled")
    assert api.results(api.upload(bulk_csv(), mode="ErrorsOnly")) == []  # header and version all the same
