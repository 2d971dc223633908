"""Bulk files: the effect of their rows, and the result files, over HTTP."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import pytest

from tests.microsoft_advertising_simulator.api import (
    HEADER,
    Api,
    bulk_csv,
    digest_hex,
    hexes,
    item_row,
    list_row,
    partial,
    zipped,
)


def created(name: str, key: str = "-10", **values: str) -> dict[str, str]:
    return list_row(Id=key, Audience=name, Scope="Customer", **values)


def errors(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    """(Client Id, code) of error rows; each must follow its entity's row and repeat its columns."""
    found = []
    own = {"Type", "Error", "Error Number", "Error Detail"}
    entity: dict[str, str] = {}
    for row in rows:
        if row["Type"].endswith(" Error"):
            assert row["Type"] == f"{entity['Type']} Error"
            assert {k: v for k, v in row.items() if k not in own} == {
                k: v for k, v in entity.items() if k != "Type"
            }
            assert row["Error"]
            found.append((row.get("Client Id", ""), row["Error Number"]))
        else:
            entity = row
    return found


@pytest.mark.behaviour("parse.bom", "lists.scope", "items.key-or-name", "status.new-ids")
def test_minimal_file_of_the_reference(api: Api) -> None:
    text = (
        "Type,Status,Id,Parent Id,Client Id,Name,Scope,Audience,Action Type,Accept Customer Match Term,"
        "Membership Duration,Sub Type,Text\n"
        "Format Version,,,,,6.0,,,,,,,\n"
        "Customer List,,-10,,l1,,Account,My list,Add,True,30,,\n"
        f"Customer List Item,,,-10,i1,,,,,,,Email,{digest_hex(1)}\n"
    )
    status = api.upload(b"\xef\xbb\xbf" + text.encode())
    assert status["RequestStatus"] == "Completed"
    made, item = api.results(status)
    assert made["Id"].isdigit()
    assert (made["Client Id"], made["Audience"], made["Scope"]) == ("l1", "My list", "Account")
    assert (item["Parent Id"], item["Client Id"]) == (made["Id"], "i1")
    assert api.members(made["Id"]) == [digest_hex(1)]
    [shown] = [entry for entry in api.control("audiences") if entry["id"] == made["Id"]]
    assert (shown["membership_duration"], shown["parent_id"]) == (30, api.ready["account_id"])


@pytest.mark.behaviour("items.duplicates")
def test_actions_on_a_stored_set(api: Api) -> None:
    audience = api.create("Stored")

    def send(action: str, members: list[str]) -> None:
        rows = [list_row(Id=audience, Action_Type=action), *(item_row(audience, text) for text in members)]
        assert api.upload(bulk_csv(*rows))["RequestStatus"] == "Completed"

    send("Add", hexes(range(20)) + hexes(range(10)))
    assert api.members(audience) == hexes(range(20))
    send("Add", hexes(range(15, 25)))
    assert api.members(audience) == hexes(range(25))
    send("Remove", hexes([0, 1, 2, 99]))
    assert api.members(audience) == hexes(range(3, 25))
    send("Replace", hexes([1, 50]))
    assert api.members(audience) == hexes([1, 50])
    send("Remove", hexes([1, 50]))
    assert api.members(audience) == []


@pytest.mark.behaviour("items.key-or-name")
def test_several_lists_in_one_file(api: Api) -> None:
    old = api.create("Several old")
    api.apply(old, "Add", hexes(range(5)))
    rows = [
        created("Several new", "-1", Client_Id="new"),
        list_row(Id=old, Action_Type="Remove"),
        item_row("-1", digest_hex(7)),
        item_row(old, digest_hex(0)),
        item_row("", digest_hex(8), Audience="Several new"),
        item_row("", digest_hex(1), Audience="Several old"),
    ]
    status = api.upload(bulk_csv(*rows))
    assert status["RequestStatus"] == "Completed"
    new = next(row["Id"] for row in api.results(status) if row.get("Client Id") == "new")
    assert api.members(new) == hexes([7, 8])
    assert api.members(old) == hexes([2, 3, 4])


@pytest.mark.behaviour("lists.new-ignores-action")
def test_new_lists_ignore_the_action(api: Api) -> None:
    for number, action in enumerate(("Remove", "Replace", "Nonsense", "")):
        status = api.upload(
            bulk_csv(created(f"Ignoring {number}", Action_Type=action), item_row("-10", digest_hex(number)))
        )
        assert api.members(api.results(status)[0]["Id"]) == [digest_hex(number)]


@pytest.mark.behaviour(
    "lists.fields", "lists.duration", "lists.scope", "lists.parent", "lists.unknown-id", "lists.terms-false"
)
@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"Audience": ""}, ["4838"]),
        ({"Audience": "x" * 129}, ["4838"]),
        ({"Audience": "Existing"}, ["4853"]),
        ({"Description": "x" * 1025}, ["4841"]),
        ({"Membership Duration": "0"}, ["4842"]),
        ({"Membership Duration": "391"}, ["4842"]),
        ({"Membership Duration": "long"}, ["4842"]),
        ({"Scope": ""}, ["4849"]),
        ({"Scope": "World"}, ["4849"]),
        ({"Parent Id": "1"}, ["4848"]),
        ({"Parent Id": "180000001"}, ["4843"]),  # the account, though the scope is Customer
        ({"Id": "abc"}, ["4835"]),
        ({"Id": "12345"}, ["4835"]),
        ({"Accept Customer Match Term": "False"}, ["8003"]),
        ({"Accept Customer Match Term": "Maybe"}, ["201"]),
        ({"Client Id": "c" * 101}, ["201"]),
        ({"Audience": "x" * 129, "Membership Duration": "0"}, ["4842", "4838"]),
        ({"Status": "Deleted", "Id": "12345"}, ["4835"]),
        ({"Status": "Deleted", "Id": ""}, ["4846"]),
    ],
)
def test_refused_list_rows_and_their_items(api: Api, changes: dict[str, str], codes: list[str]) -> None:
    if not any(a["name"] == "Existing" and not a["deleted"] for a in api.control("audiences")):
        api.create("Existing")
    row = created("Refused in Bulk") | changes
    status = api.upload(bulk_csv(row, item_row(row["Id"] or "-10", digest_hex(1), Client_Id="item")))
    assert status["RequestStatus"] == "CompletedWithErrors"
    item_code = "8003" if codes == ["8003"] else "8000"
    client_id = row.get("Client Id", "")
    assert errors(api.results(status)) == [*((client_id, code) for code in codes), ("item", item_code)]
    assert not any(entry["name"] == "Refused in Bulk" for entry in api.control("audiences"))


@pytest.mark.behaviour(
    "items.list-row-first",
    "items.sub-type",
    "items.hash",
    "items.empty-text",
    "items.upper-case",
    "items.client-id",
    "items.partial-success",
    "parse.unknown-type",
    "status.error-row",
    "status.echo",
)
def test_refused_items_beside_good_ones(api: Api) -> None:
    audience = api.create("Refusing items")
    other = api.create("Without a row in the file")
    rows = [
        item_row(audience, digest_hex(0), Client_Id="too early"),
        list_row(Id=audience, Action_Type="Add", Client_Id="list"),
        item_row(audience, digest_hex(1), Client_Id="good"),
        item_row(audience, "plain text", Client_Id="plain"),
        item_row(audience, digest_hex(2).upper(), Client_Id="upper"),
        item_row(audience, digest_hex(2)[:-1], Client_Id="short"),
        item_row(audience, digest_hex(2) + " ", Client_Id="space"),
        item_row(audience, "", Client_Id="empty"),
        item_row(audience, digest_hex(3), Sub_Type="Phone", Client_Id="phone"),
        item_row(audience, digest_hex(3), Sub_Type="", Client_Id="no sub type"),
        item_row(other, digest_hex(4), Client_Id="other list"),
        item_row("", digest_hex(4), Client_Id="no list"),
        item_row("-7", digest_hex(4), Client_Id="unknown key"),
        item_row(audience, digest_hex(5), Client_Id="x" * 101),
        item_row(audience, digest_hex(6), Client_Id="x" * 100),
        {"Type": "Campaign", "Client Id": "campaign"},
    ]
    status = api.upload(bulk_csv(*rows))
    assert status["RequestStatus"] == "CompletedWithErrors"
    results = api.results(status)
    assert errors(results) == [
        ("too early", "8000"),
        ("plain", "8004"),
        ("upper", "8004"),
        ("short", "8004"),
        ("space", "8004"),
        ("empty", "8006"),
        ("phone", "8002"),
        ("no sub type", "8002"),
        ("other list", "8000"),
        ("no list", "8000"),
        ("unknown key", "8000"),
        ("x" * 101, "201"),
        ("campaign", "4203"),
    ]
    assert "plain text" in [row.get("Text") for row in results]
    assert api.members(audience) == hexes([1, 6])
    [upload] = api.control("uploads")[-1:]
    assert (upload["rows"], upload["failed_rows"]) == (16, 13)
    api.control("settings", {"upper_case_hashes": True})
    api.upload(bulk_csv(rows[1], rows[4]))
    assert api.members(audience) == hexes([1, 2, 6])


@pytest.mark.behaviour("lists.action-missing")
def test_items_for_an_existing_list_need_its_action(api: Api) -> None:
    audience = api.create("Actionless")
    status = api.upload(bulk_csv(list_row(Id=audience), item_row(audience, digest_hex(1), Client_Id="i")))
    assert errors(api.results(status)) == [("i", "8001")]
    rows = list_row(Id=audience, Action_Type="Delete", Client_Id="l"), item_row(audience, digest_hex(1))
    assert errors(api.results(api.upload(bulk_csv(*rows)))) == [("l", "8001"), ("", "8001")]
    assert api.members(audience) == []


@pytest.mark.behaviour("lists.terms-needed")
def test_terms_that_are_not_accepted(api: Api) -> None:
    api.control("settings", {"terms_accepted": False})
    rows = [created("Unaccepted", Client_Id="l"), item_row("-10", digest_hex(1), Client_Id="i")]
    results = api.results(api.upload(bulk_csv(*rows)))
    assert errors(results) == [("i", "8003")]
    audience = results[0]["Id"]
    accepted = list_row(Id=audience, Action_Type="Add", Accept_Customer_Match_Term="True")
    status = api.upload(bulk_csv(accepted, item_row(audience, digest_hex(1))))
    assert status["RequestStatus"] == "Completed"
    assert api.members(audience) == [digest_hex(1)]
    removed = list_row(Id=audience, Action_Type="Remove")
    status = api.upload(bulk_csv(removed, item_row(audience, digest_hex(1))))
    assert status["RequestStatus"] == "Completed"
    assert api.members(audience) == []


@pytest.mark.behaviour("lists.delete")
def test_update_rename_and_delete(api: Api) -> None:
    audience = api.create("Old name", Description="old", MembershipDuration=90)
    api.apply(audience, "Add", hexes(range(3)))

    def shown() -> dict[str, object]:
        return next(entry for entry in api.control("audiences") if entry["id"] == audience)

    api.upload(bulk_csv(list_row(Id=audience, Audience="New name", Description="delete_value")))
    assert (shown()["name"], shown()["description"], shown()["membership_duration"]) == ("New name", "", 90)
    assert shown()["members"] == 3
    rows = [
        list_row(Id=audience, Status="Deleted"),
        created("New name", "-1"),  # the deleted list's name is free at once
        item_row(audience, digest_hex(1), Client_Id="of deleted"),
    ]
    status = api.upload(bulk_csv(*rows))
    results = api.results(status)
    assert errors(results) == [("of deleted", "8000")]
    assert results[0]["Status"] == "Deleted"
    assert (shown()["deleted"], shown()["members"]) == (True, 0)
    assert partial(api.campaign("Audiences/QueryByIds", {"AudienceIds": [audience]})) == [(0, 4835)]


@pytest.mark.behaviour("lists.delete")
def test_lists_in_use_cannot_be_deleted(api: Api) -> None:
    audience = api.create("Bulk in use")
    api.control(f"audiences/{audience}", {"associated": True})
    status = api.upload(bulk_csv(list_row(Id=audience, Status="Deleted")))
    assert errors(api.results(status)) == [("", "4854")]


@pytest.mark.behaviour("lists.same-id-twice")
def test_duplicates_within_a_file(api: Api) -> None:
    audience = api.create("Twice")
    rows = [
        list_row(Id=audience, Action_Type="Add", Client_Id="1"),
        list_row(Id=audience, Action_Type="Remove", Client_Id="2"),
        created("Same name in file", "-1", Client_Id="3"),
        created("Same name in file", "-2", Client_Id="4"),
        item_row(audience, digest_hex(1)),
    ]
    assert errors(api.results(api.upload(bulk_csv(*rows)))) == [("2", "4837"), ("4", "4853")]
    assert api.members(audience) == [digest_hex(1)]


@pytest.mark.behaviour("items.empty-replace")
@pytest.mark.parametrize(("clears", "left"), [(True, 0), (False, 3)])
def test_replace_without_items(api: Api, clears: bool, left: int) -> None:
    api.control("settings", {"empty_replace_clears": clears})
    audience = api.create(f"Empty replace {clears}")
    api.apply(audience, "Add", hexes(range(3)))
    assert api.upload(bulk_csv(list_row(Id=audience, Action_Type="Replace")))["RequestStatus"] == "Completed"
    assert len(api.members(audience)) == left


@pytest.mark.behaviour("status.result-format", "status.result-name", "status.errors-only")
def test_result_file_format(api: Api) -> None:
    audience = api.create("Format")
    request_id, url = api.request_url("ErrorsOnly")
    rows = [
        list_row(Id=audience, Action_Type="Add"),
        item_row(audience, digest_hex(1)),
        item_row(audience, 'with "quotes", comma\nand line', Client_Id='c,"1"'),
    ]
    api.post_file(url, zipped(bulk_csv(*rows)), "up.zip")
    status = api.finished(request_id)
    answer = api.http.get(status["ResultFileUrl"])
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        [name] = archive.namelist()
        raw = archive.read(name)
    assert re.fullmatch(rf"BulkUpload-\d\d-\d\d-20\d\d-{request_id}-Results\.csv", name)
    assert raw.startswith(b"\xef\xbb\xbfType,Status,Id,")
    assert b"\r" not in raw
    header, version, *rest = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert len(header) == len(set(header)) >= 438
    assert {"Error", "Error Number", "Field Path", "Error Detail", *HEADER} <= set(header)
    assert (version[0], version[header.index("Name")]) == ("Format Version", "6.0")
    assert {len(row) for row in rest} == {len(header)}
    results = api.results(status)
    assert errors(results) == [('c,"1"', "8004")]  # ErrorsOnly: the good rows are left out
    assert results[0]["Text"] == 'with "quotes", comma\nand line'


@pytest.mark.behaviour("status.errors-only")
def test_errors_only_without_errors_is_header_and_version(api: Api) -> None:
    request_id, url = api.request_url("ErrorsOnly")
    api.post_file(url, bulk_csv(created("All good"), item_row("-10", digest_hex(1))))
    assert api.results(api.finished(request_id)) == []


@pytest.mark.behaviour("parse.no-bom", "parse.format-version", "parse.format-version-state")
@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("content", "state", "code"),
    [
        (bulk_csv(created("No BOM"), bom=False), "UploadFileFormatNotSupported", 3223),
        (bulk_csv(created("No version"), version=""), "UploadFileFormatNotSupported", 3219),
        (bulk_csv(version=""), "UploadFileFormatNotSupported", 3219),
        (b"", "UploadFileFormatNotSupported", 3219),
        (bulk_csv(created("Version 5"), version="5.0"), "UploadFileFormatNotSupported", 3217),
        (b"\xef\xbb\xbfa,b\nFormat Version,6.0\n", "UploadFileFormatNotSupported", 3223),
        (b"\xef\xbb\xbf" + b"x" * 4_000_000, "UploadFileFormatNotSupported", 3223),
    ],
)
def test_files_that_are_not_supported(api: Api, content: bytes, state: str, code: int) -> None:
    status = api.upload(content)
    assert (status["RequestStatus"], status["PercentComplete"]) == (state, 0)
    assert [error["Code"] for error in status["Errors"]] == [code]
    assert status["ResultFileUrl"] is None


@pytest.mark.bad_input
def test_a_zip_that_is_damaged_inside(api: Api) -> None:
    content = bytearray(
        zipped(bulk_csv(created("Damaged"), *(item_row("-10", t) for t in hexes(range(500)))))
    )
    content[len(content) // 2] ^= 0xFF
    status = api.upload(bytes(content), "up.zip")
    assert status["RequestStatus"] == "UploadFileFormatNotSupported"
    assert not any(entry["name"] == "Damaged" for entry in api.control("audiences"))


@pytest.mark.behaviour("parse.zip-bomb")
@pytest.mark.bad_input
def test_a_zip_bomb_is_refused(api: Api) -> None:
    api.control("settings", {"max_unzipped_bytes": 5_000_000})
    bomb = bulk_csv(created("Bomb")) + b"\r\n" * 5_000_000
    assert api.upload(zipped(bomb), "up.zip")["RequestStatus"] == "UploadFileFormatNotSupported"


@pytest.mark.behaviour("parse.too-many-rows", "limits.rows", "limits.header-not-counted")
def test_too_many_rows_apply_nothing(api: Api) -> None:
    api.control("settings", {"max_rows": 10})
    audience = api.create("Rows")
    rows = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, t) for t in hexes(range(10)))]
    status = api.upload(bulk_csv(*rows))
    assert (status["RequestStatus"], [e["Code"] for e in status["Errors"]]) == (
        "UploadFileRowCountExceeded",
        [3225],
    )
    assert api.members(audience) == []
    assert api.upload(bulk_csv(*rows[:-1]))["RequestStatus"] == "Completed"
    assert len(api.members(audience)) == 9


@pytest.mark.behaviour("parse.columns", "parse.ragged")
def test_files_of_unusual_form_are_read(api: Api) -> None:
    """Other column order, unknown columns, ragged rows, LF, quotes, blank lines, unbalanced quotes."""
    audience = api.create("Tolerant")
    text = "\n".join(
        [
            "Text,Sub Type,Unknown,Parent Id,Type,Name,Id,Action Type,Client Id",
            ",,,,Format Version,6.0,,,,,,",
            f",,,,Customer List,,{audience},Add",
            f'{digest_hex(1)},Email,"quoted, with ""quotes""\nand a line",{audience},Customer List Item',
            "",
            f"{digest_hex(2)},Email,,{audience},Customer List Item,,,,,surplus,fields",
            f'"{digest_hex(3)}","Email",,"{audience}","Customer List Item"',
            f'say "hi",Email,,{audience},Customer List Item,,,,odd',
            f"{digest_hex(4)},Email,,{audience},Customer List Item",
        ]
    )
    status = api.upload(b"\xef\xbb\xbf" + text.encode())
    assert api.members(audience) == hexes([1, 2, 3, 4])
    assert errors(api.results(status)) == [("odd", "8004")]


def test_rows_are_right_across_pieces_of_the_file(api: Api) -> None:
    """A file of several pieces, with every 1000th row invalid, and line ends within quotes."""
    audience = api.create("Pieces")
    rows = 60_000
    lines = [list_row(Id=audience, Action_Type="Add")]
    for n in range(rows):
        text = "bad" if n % 1000 == 999 else digest_hex(n)
        lines += [item_row(audience, text, Client_Id=f'{n}\n"{n},\n')]
    status = api.upload(bulk_csv(*lines), mode="ErrorsOnly")
    assert errors(api.results(status)) == [(f'{n}\n"{n},\n', "8004") for n in range(999, rows, 1000)]
    assert api.members(audience) == hexes(n for n in range(rows) if n % 1000 != 999)


def test_changes_made_while_a_file_is_read_are_not_overwritten(api: Api) -> None:
    """A list is deleted, or a name taken, while a file is being read: the results match what was applied."""
    audience = api.create("Raced")
    api.control("settings", {"processing_seconds": 0.05})
    rows = [list_row(Id=audience, Action_Type="Add"), *(item_row(audience, t) for t in hexes(range(60_000)))]
    request_id, url = api.request_url()
    api.post_file(url, bulk_csv(*rows))
    while api.status(request_id)["PercentComplete"] <= 10:
        pass
    api.campaign("Audiences", {"AudienceIds": [audience]}, "DELETE")
    status = api.finished(request_id)
    [shown] = [entry for entry in api.control("audiences") if entry["id"] == audience]
    assert shown["deleted"]
    assert shown["members"] == 0
    assert status["RequestStatus"] == "CompletedWithErrors"
    assert api.control("uploads")[-1]["failed_rows"] == 60_001  # the list, and each item


@pytest.mark.behaviour("parse.bom")
def test_text_is_utf8(api: Api) -> None:
    name = "Käufer 東京 🎿"
    status = api.upload(bulk_csv(created(name), item_row("-10", digest_hex(1))))
    assert api.results(status)[0]["Audience"] == name
    assert name in [entry["name"] for entry in api.control("audiences")]


@pytest.mark.behaviour("lists.name-compared", "lists.fields")
def test_names_are_compared_exactly_and_over_the_whole_customer(api: Api) -> None:
    api.create("Compared")
    of_account = {"Scope": "Account", "ParentId": api.ready["account_id"]}
    same = api.campaign("Audiences", {"Audiences": [api.audience("Compared", **of_account)]})
    assert partial(same) == [(0, 4853)]
    assert api.create("compared")
    status = api.upload(bulk_csv(created("COMPARED", "-1"), created("Compared", "-2", Client_Id="same")))
    assert errors(api.results(status)) == [("same", "4853")]


def days_pass(api: Api, days: float) -> None:
    api.control("clock", {"advance_seconds": days * 86_400})
    api.token = api.sign_in()["access_token"]


def change(api: Api, audience: str, action: str, people: list[int], *, bulk: bool) -> None:
    if not bulk:
        api.apply(audience, action, hexes(people))
        return
    rows = [item_row(audience, digest_hex(person)) for person in people]
    status = api.upload(bulk_csv(list_row(Id=audience, Action_Type=action), *rows))
    assert status["RequestStatus"] == "Completed"


@pytest.mark.behaviour("lists.lapse", "lists.renewed")
@pytest.mark.parametrize("action", ["Add", "Replace"])
@pytest.mark.parametrize("bulk", [False, True])
def test_members_expire_unless_they_are_added_again(api: Api, bulk: bool, action: str) -> None:
    audience = api.create(f"Lapsing {action} {bulk}", MembershipDuration=2)
    change(api, audience, "Add", [1, 2, 3], bulk=bulk)
    days_pass(api, 1.5)
    change(api, audience, action, [2, 4], bulk=bulk)
    stays = {1, 2, 3, 4} if action == "Add" else {2, 4}
    assert api.members(audience) == hexes(stays)
    days_pass(api, 0.6)
    assert api.members(audience) == hexes([2, 4])
    [shown] = [one for one in api.control("audiences") if one["id"] == audience]
    assert shown["members"] == 2
    days_pass(api, 1.5)
    assert api.members(audience) == []


@pytest.mark.behaviour("lists.lapse")
def test_removed_members_do_not_return_when_others_expire(api: Api) -> None:
    audience = api.create("Lapsing and left", MembershipDuration=2)
    api.apply(audience, "Add", hexes([1]))
    days_pass(api, 1)
    api.apply(audience, "Add", hexes([2, 3]))
    api.apply(audience, "Remove", hexes([3]))
    days_pass(api, 1.1)
    assert api.members(audience) == hexes([2])


@pytest.mark.behaviour("lists.duration-changed")
def test_another_duration_counts_from_each_members_addition(api: Api) -> None:
    audience = api.create("Lapsing later", MembershipDuration=-1)
    api.apply(audience, "Add", hexes([1]))
    days_pass(api, 9)

    def becomes(days: int) -> None:
        fields = {"Type": "CustomerList", "Id": audience, "MembershipDuration": days}
        assert api.campaign("Audiences", {"Audiences": [fields]}, "PUT").json()["PartialErrors"] == []

    becomes(2)
    api.apply(audience, "Add", hexes([2]))
    days_pass(api, 1)
    becomes(4)
    days_pass(api, 2)
    assert api.members(audience) == hexes([1, 2])
    row = list_row(Id=audience, Action_Type="Add", Membership_Duration="2")
    assert api.upload(bulk_csv(row, item_row(audience, digest_hex(3))))["RequestStatus"] == "Completed"
    days_pass(api, 0)
    assert api.members(audience) == hexes([3])
    becomes(-1)
    days_pass(api, 9)
    assert api.members(audience) == hexes([3])


def test_an_audience_is_emptied_manually(api: Api) -> None:
    audience = api.create("Emptied")
    api.apply(audience, "Add", hexes([1, 2]))
    shown = api.control(f"audiences/{audience}", {"emptied": True})
    assert (shown["members"], shown["deleted"], api.members(audience)) == (0, False, [])
    api.apply(audience, "Add", hexes([3]))
    assert api.members(audience) == hexes([3])


@pytest.mark.behaviour("lists.terms-per-upload", "lists.terms-needed")
def test_acceptance_in_one_upload_does_not_count_for_the_next(api: Api) -> None:
    audience = api.create("Accepted once")
    api.control("settings", {"terms_accepted": False})
    accepted = list_row(Id=audience, Action_Type="Add", Accept_Customer_Match_Term="True")
    assert api.upload(bulk_csv(accepted, item_row(audience, digest_hex(1))))["RequestStatus"] == "Completed"
    unsaid = list_row(Id=audience, Action_Type="Add")
    status = api.upload(bulk_csv(unsaid, item_row(audience, digest_hex(2), Client_Id="i")))
    assert errors(api.results(status)) == [("i", "8003")]
    assert api.members(audience) == [digest_hex(1)]


@pytest.mark.behaviour("items.first-fault", "status.error-detail")
def test_an_item_with_several_faults_has_one_error_row(api: Api) -> None:
    audience = api.create("Several faults")
    rows = [
        list_row(Id=audience, Action_Type="Add"),
        item_row(audience, "", Sub_Type="Phone", Client_Id="x" * 101),
        item_row(audience, "plain", Client_Id="y" * 101),
    ]
    results = api.results(api.upload(bulk_csv(*rows), mode="ErrorsOnly"))
    assert [code for _, code in errors(results)] == ["8002", "8004"]
    details = {row["Error"]: row["Error Detail"] for row in results if "Error" in row}
    assert set(details) == {"CustomerListItemSubTypeNotSupported", "EmailMustBeHashed"}
    assert "plain" not in details["EmailMustBeHashed"]


@pytest.mark.behaviour("items.side-by-side", "items.at-once")
def test_files_for_one_list_side_by_side_end_as_if_one_came_after_the_other(api: Api) -> None:
    audience = api.create("Side by side")
    api.apply(audience, "Add", hexes(range(5)))
    contents = {
        "Replace": hexes(range(100, 200)),
        "Add": hexes(range(200, 300)),
    }
    running = []
    for action, members in contents.items():
        request_id, url = api.request_url()
        rows = [list_row(Id=audience, Action_Type=action), *(item_row(audience, text) for text in members)]
        assert api.post_file(url, bulk_csv(*rows)).status_code == 200
        running.append(request_id)
    assert {api.finished(request_id)["RequestStatus"] for request_id in running} == {"Completed"}
    assert api.members(audience) in (hexes(range(100, 300)), hexes(range(100, 200)))
