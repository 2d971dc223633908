"""The model of an export: its defaults, what may be written, and which segments it means."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from customer_match.addresses.definition import Take
from customer_match.export import values as export_values
from customer_match.export.limits import Guards
from customer_match.export.matching import segments_of, unmatched
from customer_match.export.model import Export
from customer_match.export.people import Consent, Email, Suppression
from customer_match.export.segments import Segment
from customer_match.export.sources import Csv, Folder, Source
from microsoft_advertising import limits


def export(**keys: Any) -> Export:
    required = {
        "name": "autumn",
        "cid": 1234567,
        "aid": "7654321",
        "source": "lake",
        "segments": "all",
        "email": "Email",
    }
    return Export.model_validate(required | keys)


def tables(segments: list[Segment]) -> list[str]:
    return [segment.table for segment in segments]


def test_defaults_are_those_of_the_reference() -> None:
    assert export().model_dump(mode="json") == {
        "name": "autumn",
        "title": "autumn",
        "description": None,
        "connection": "microsoft_advertising_default",
        "cid": "1234567",
        "aid": "7654321",
        "schedule": None,
        "start_date": "2026-01-01",
        "timezone": "UTC",
        "source": {
            "connection": None,
            "root": "lake",
            "format": "auto",
            "csv": {
                "header": True,
                "columns": None,
                "delimiter": None,
                "quote": '"',
                "escape": None,
                "encoding": "utf-8",
            },
            "changes": None,
        },
        "segments": [{"table": "*", "audience": None, "audience_id": None, "path": None, "changes": None}],
        "vanished": "keep",
        "profiles": None,
        "membership": None,
        "email": {"columns": ["Email"], "separator": None, "take": "coalesce"},
        "where": None,
        "consent": None,
        "suppress": [],
        "row_key": None,
        "normalisation": "basic",
        "profiles_per_part": 500_000,
        "route": "auto",
        "membership_duration": -1,
        "scope": "Customer",
        "adopt": False,
        "workspace": {"connection": None, "root": "workspace"},
        "guards": {
            "allow_empty": False,
            "max_rejected": 0.5,
            "max_suppress_unusable": 0.1,
            "max_removed": 0.5,
            "max_removed_members": None,
            "max_profiles_lost": 0.5,
            "max_emails_lost": 0.5,
            "max_vanished": 0.5,
            "max_refused": 0.01,
            "max_age_hours": None,
        },
        "run_timeout_hours": 6,
        "upload_timeout_minutes": 240,
        "retries": 3,
        "retry_delay_seconds": 30,
        "tags": [],
        "owner": None,
    }


def test_an_export_survives_json_and_pickle() -> None:
    full = export(
        schedule="0 5 * * *",
        start_date="2026-02-03",
        segments=["A", {"table": "B", "audience": "Bs", "path": "b/2026"}, "G*"],
        profiles={"table": "Customer", "source": "unified"},
        membership={"key": "ContactId"},
        email=["Email", "Second"],
        where="a = 1",
        consent={"column": "C", "allow": [True, 1, "yes"]},
        suppress=["A list", {"path": "b", "email": {"columns": "Hash", "separator": ";"}}],
        row_key="Id",
        normalisation="both",
        tags=["x"],
    )
    assert full.start_date == dt.date(2026, 2, 3)
    assert Export.model_validate_json(full.model_dump_json()) == full
    assert pickle.loads(pickle.dumps(full)) == full


def test_an_export_is_frozen() -> None:
    with pytest.raises(ValidationError):
        export().cid = "2"  # type: ignore[misc]  # what is tested


def test_limits_are_those_of_the_client() -> None:
    assert export_values.MAX_AUDIENCE_NAME == limits.MAX_NAME
    assert export_values.MAX_PROFILES_PER_PART == limits.MAX_ROWS
    assert export_values.MAX_MEMBERSHIP_DAYS == limits.MAX_MEMBERSHIP_DAYS
    assert export_values.NEVER_EXPIRES == limits.NEVER_EXPIRES
    assert export_values.MAX_ID == limits.MAX_ID


@pytest.mark.parametrize(
    ("key", "written", "kept"),
    [
        ("schedule", "none", None),
        ("schedule", "None", None),
        ("schedule", None, None),
        ("schedule", "@daily", "@daily"),
        ("schedule", "0  5 * * MON-FRI", "0 5 * * MON-FRI"),
        ("schedule", "*/15 0-6 1,15 * *", "*/15 0-6 1,15 * *"),
        ("membership_duration", 1, 1),
        ("membership_duration", 390, 390),
        ("membership_duration", -1, -1),
        ("profiles_per_part", 1, 1),
        ("profiles_per_part", 4_000_000, 4_000_000),
        ("route", "apply", "apply"),
        ("route", "bulk", "bulk"),
        ("timezone", "Europe/Berlin", "Europe/Berlin"),
        ("cid", "9223372036854775807", "9223372036854775807"),
        ("title", "  Kampagne für Käufer ", "Kampagne für Käufer"),
        ("name", "a" * 250, "a" * 250),
        ("tags", "one", ("one",)),
        ("email", ["A", "B"], Email(columns=("A", "B"))),
        ("email", "A", Email(columns=("A",))),
        ("email", {"columns": "A", "separator": " ; "}, Email(columns=("A",), separator=" ; ")),
        ("email", {"columns": ["A"], "take": "all"}, Email(columns=("A",), take=Take.ALL)),
        ("where", " a = 1\n AND b NOT LIKE '%@contoso.com' ", "a = 1\n AND b NOT LIKE '%@contoso.com'"),
        ("consent", {"column": "C", "allow": True}, Consent(column="C", allow=(True,))),
        ("consent", {"column": "C", "allow": ["yes ", 1, 0.5]}, Consent(column="C", allow=("yes", 1, 0.5))),
        ("suppress", "Never", (Suppression(table="Never"),)),
        ("suppress", "lists/never.csv", (Suppression(path="lists/never.csv"),)),
        ("suppress", ["A", {"path": "b"}], (Suppression(table="A"), Suppression(path="b"))),
        (
            "suppress",
            {"table": "A", "source": "other"},
            (Suppression(table="A", source=Source(root="other")),),
        ),
        ("row_key", "Id", "Id"),
        ("run_timeout_hours", 0.5, 0.5),
        ("upload_timeout_minutes", 0.5, 0.5),
    ],
)
def test_what_may_be_written(key: str, written: object, kept: object) -> None:
    assert getattr(export(**{key: written}), key) == kept


@pytest.mark.parametrize(
    "root",
    [
        "abfs://lake",
        "abfs://lake/a b/Ü/2026",
        "abfss://lake@account.dfs.core.windows.net/x",
        "abfs://my-lake/x",
    ],
)
def test_roots_in_a_lake(root: str) -> None:
    source = Source(connection="lake", root=root + "/")
    assert source.is_remote
    assert source.root == root


@pytest.mark.parametrize(
    ("written", "root"),
    [
        (
            "https://acme.blob.core.windows.net/lake/a%20b/",
            "abfs://lake@acme.blob.core.windows.net/a b",
        ),
        ("wasbs://lake@acme.blob.core.windows.net/x", "abfs://lake@acme.blob.core.windows.net/x"),
        ("s3://bucket/x/", "s3://bucket/x"),
    ],
)
def test_other_spellings_and_storages(written: str, root: str) -> None:
    source = Source(connection="lake", root=written)
    assert (source.root, source.is_remote) == (root, True)
    assert source.locate(Path("/project"), "/a/") == f"{root}/a"


def test_a_storage_of_airflows_needs_no_connection_where_the_machine_signs_in() -> None:
    assert Source(root="s3://bucket/x").connection is None
    own = {"table": "A", "path": "wasbs://other/x"}
    lake = {"connection": "lake", "root": "abfs://lake/x"}
    (segment,) = segments_of(export(source=lake, segments=[own]))
    assert segment.path == "abfs://other/x"


def test_guards_can_be_taken_off() -> None:
    limits = [key for key in Guards.model_fields if key.startswith("max_")]
    assert len(limits) == 9
    guards = export(guards=dict.fromkeys(limits)).guards
    assert [getattr(guards, key) for key in limits] == [None] * 9


def test_a_workspace_may_lie_in_the_source_where_tables_are_named() -> None:
    assert export(segments=["A"], workspace="lake/workspace").workspace.root == "lake/workspace"
    assert export(workspace="lake2").workspace.root == "lake2"


@pytest.mark.parametrize(
    ("folder", "path", "location"),
    [
        (Folder(root="lake"), "", "/project/lake"),
        (Folder(root="lake/"), "a/b", "/project/lake/a/b"),
        (Folder(root="/data"), "a", "/data/a"),
        (Folder(root="/data"), "/other/a", "/other/a"),
        (Folder(root="/"), "a", "/a"),
        (Folder(root="file:///data/"), "a", "file:///data/a"),
        (Folder(root="abfs://lake/x", connection="c"), "", "abfs://lake/x"),
        (Folder(root="abfs://lake/x", connection="c"), "/a/", "abfs://lake/x/a"),
        (Folder(root="abfs://lake/x", connection="c"), "abfs://other/a", "abfs://other/a"),
    ],
)
def test_locate(folder: Folder, path: str, location: str) -> None:
    assert folder.locate(Path("/project"), path) == location


class TestMatches:
    def test_all_takes_every_table_by_name(self) -> None:
        everything = export(segments="all")
        assert everything.has_patterns
        assert segments_of(everything, ["b", "C", "a", "b"]) == [
            Segment(table="C", audience="C"),
            Segment(table="a", audience="a"),
            Segment(table="b", audience="b"),
        ]

    def test_the_order_is_the_files_and_a_table_is_taken_once(self) -> None:
        some = export(segments=["Z", "G*", "*old", "A"])
        assert tables(segments_of(some, ["A", "Gold", "Green", "Cold", "Other"])) == [
            "Z",
            "Gold",
            "Green",
            "Cold",
            "A",
        ]

    def test_a_named_table_keeps_its_audience_beside_a_pattern(self) -> None:
        some = export(segments=["*", {"table": "News", "audience": "Readers", "path": "n/2026"}])
        assert segments_of(some, ["News", "A"]) == [
            Segment(table="A", audience="A"),
            Segment(table="News", audience="Readers", path="n/2026"),
        ]

    def test_named_tables_need_no_listing(self) -> None:
        some = export(segments=["A", "B"])
        assert not some.has_patterns
        assert tables(segments_of(some)) == ["A", "B"]

    def test_patterns_tell_upper_from_lower_case(self) -> None:
        assert tables(segments_of(export(segments="g?ld[12]"), ["gold1", "Gold1", "gold3"])) == ["gold1"]

    def test_what_fits_nothing_is_reported(self) -> None:
        some = export(segments=["A", "Missing", {"table": "Elsewhere", "path": "x"}, "G*", "H*"])
        assert unmatched(some, ["A", "Gold"]) == ["Missing", "H*"]

    @pytest.mark.parametrize(
        "wanted",
        ["Never", "/Never/", "Never/2026", {"path": "Never.csv"}, {"table": "Never", "source": "lake"}],
    )
    def test_no_pattern_takes_a_suppression_list(self, wanted: object) -> None:
        some = export(segments="all", suppress=[wanted])
        assert tables(segments_of(some, ["A", "Never"])) == ["A"]

    def test_a_table_of_a_lists_name_elsewhere_is_a_segment(self) -> None:
        some = export(segments="all", suppress={"table": "Never", "source": "other"})
        assert tables(segments_of(some, ["A", "Never"])) == ["A", "Never"]

    @pytest.mark.parametrize("wanted", ["Customer", "Customer/2026", {"path": "Customer.csv"}])
    def test_no_pattern_takes_the_profiles(self, wanted: object) -> None:
        some = export(segments="all", profiles=wanted, suppress="Never")
        assert tables(segments_of(some, ["A", "Customer", "Never"])) == ["A"]

    def test_names_that_one_table_lists_are_no_tables(self) -> None:
        some = export(segments="all", profiles="Customer", membership="M", suppress="Never")
        assert tables(segments_of(some, ["A", "Customer", "Never"])) == ["A", "Customer", "Never"]

    @pytest.mark.bad_input
    def test_only_tables_that_would_share_an_audience_fail(self) -> None:
        found = {
            one.table: one.fault for one in segments_of(export(segments="all"), ["gold", "GOLD", "Silver"])
        }
        assert found["Silver"] is None
        for name in ("gold", "GOLD"):
            fault = str(found[name])
            assert fault.startswith("The tables 'GOLD' and 'gold' would share one audience")
            assert "`audience` of its own" in fault

    @pytest.mark.bad_input
    def test_what_the_file_names_goes_before_what_a_pattern_takes(self) -> None:
        some = export(segments=["Gold", {"table": "S", "audience": "VIPs"}, "*"])
        found = {one.table: one.fault for one in segments_of(some, ["Gold", "gold", "S", "vips", "Other"])}
        assert {name for name, fault in found.items() if fault} == {"gold", "vips"}

    @pytest.mark.bad_input
    def test_only_a_table_with_too_long_a_name_fails(self) -> None:
        good, long = segments_of(export(segments="all"), ["x" * 128, "y" * 129])
        assert (good.table, good.fault) == ("x" * 128, None)
        assert "longer than 128 characters (129). List such a table" in str(long.fault)
        assert long.table == "y" * 129

    @pytest.mark.bad_input
    @pytest.mark.parametrize(
        ("name", "shown"),
        [("a\x00b", "a\\x00b"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb", "a\\nb"), ("a\u2028b", "a\\u2028b")],
    )
    def test_only_a_table_with_a_control_character_fails(self, name: str, shown: str) -> None:
        bad, good = segments_of(export(segments="all"), [name, "b"])
        assert (good.table, good.fault) == ("b", None)
        assert (bad.table, bad.audience) == (shown, shown)
        assert f"The table {shown!r} cannot" in str(bad.fault)
        assert "control character" in str(bad.fault)

    @pytest.mark.bad_input
    def test_a_table_called_by_an_address_gives_its_name_to_no_audience(self) -> None:
        some = export(segments="*")
        names = ["p=anna%40example.com", "p=o'brien@example.com", "p=plain"]
        found = {one.table: one.fault for one in segments_of(some, names)}
        assert list(found) == ["[address]", "[address] #2", "p=plain"]
        assert found["p=plain"] is None
        assert "example" not in str(found)
        assert "holds an e-mail address" in str(found["[address]"])


def test_the_identity_of_a_segment_outlives_a_renaming() -> None:
    before, after = (
        export(segments=["Gold", "Silver"]),
        export(segments=[{"table": "Gold", "audience": "VIPs"}, "Silver"]),
    )
    [old, _], [new, other] = segments_of(before), segments_of(after)
    assert before.identity(old) == after.identity(new) == "Gold"
    assert before.key(old) == after.key(new)
    assert after.identities == ("Gold", "Silver")
    assert after.other_keys(new) == {after.key(other)}


def test_a_table_that_is_named_twice_makes_two_segments() -> None:
    twice = export(segments=[{"table": "Gold", "audience": "A"}, {"table": "Gold", "audience": "B"}, "*"])
    first, second, pattern = segments_of(twice, ["Gold", "Silver"])
    assert len({twice.key(segment) for segment in (first, second, pattern)}) == 3
    assert twice.identities == ("Gold → A", "Gold → B")
    assert twice.other_keys(first) == {twice.key(second)}
    assert twice.other_keys(pattern) == {twice.key(first), twice.key(second)}


def test_the_list_and_the_scope_that_a_file_states() -> None:
    [segment] = segments_of(export(segments=[{"table": "Gold", "audience_id": 4711}]))
    assert segment.audience_id == "4711"
    assert not export().scope_is_stated
    assert export(scope="Customer").scope_is_stated


class TestCsv:
    """How CSV files are written."""

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ({"delimiter": "tab"}, {"delimiter": "\t"}),
            ({"delimiter": "\t"}, {"delimiter": "\t"}),
            ({"delimiter": " "}, {"delimiter": " "}),
            ({"quote": "none"}, {"quote": None}),
            ({"quote": None}, {"quote": None}),
            ({"escape": "\\"}, {"escape": "\\"}),
            ({"encoding": "Windows-1252"}, {"encoding": "cp1252"}),
            ({"encoding": "UTF8"}, {"encoding": "utf-8"}),
            ({"columns": ["Id", "Email"]}, {"columns": ("Id", "Email")}),
            ({"header": False}, {"header": False}),
        ],
    )
    def test_what_may_be_written(self, written: dict[str, object], read: dict[str, object]) -> None:
        csv = Csv.model_validate(written)
        assert {key: getattr(csv, key) for key in read} == read

    @pytest.mark.parametrize(
        ("written", "word"),
        [
            ({"delimiter": "::"}, "one ASCII sign"),
            ({"delimiter": "ä"}, "one ASCII sign"),
            ({"delimiter": '"'}, "one ASCII sign"),
            ({"delimiter": "\n"}, "one ASCII sign"),
            ({"quote": "''"}, "one ASCII sign"),
            ({"encoding": "klingon"}, "not a known text encoding"),
            ({"encoding": "base64"}, "not a known text encoding"),
            ({"encoding": "unicode_escape"}, "not a known text encoding"),
            ({"quote": "|", "delimiter": "|"}, "is the delimiter as well"),
            ({"escape": '"'}, "is the quotation mark as well"),
            ({"header": True, "columns": ["Id"]}, "are for files without a header row"),
            ({"columns": ["ann@example.org"]}, "is an address"),
        ],
    )
    def test_what_may_not(self, written: dict[str, object], word: str) -> None:
        with pytest.raises(ValidationError) as raised:
            Csv.model_validate(written)
        assert word in str(raised.value)

    def test_only_for_csv(self) -> None:
        with pytest.raises(ValidationError, match="is not for `format: delta`"):
            Source.model_validate({"root": "lake", "format": "delta", "csv": {"delimiter": ";"}})


@pytest.mark.parametrize(
    ("membership", "key", "one"),
    [
        (None, "Id", None),
        ({"key": "ContactId"}, "ContactId", None),
        ("M", "msdynci_customerid", ("M", None, "msdynci_segments")),
        ("dataverse/M", "msdynci_customerid", ("dataverse/M", "dataverse/M", "msdynci_segments")),
        ({"table": "M", "key": "C", "segments": "S"}, "C", ("M", None, "S")),
    ],
)
def test_how_segments_list_their_customers(membership: object, key: str, one: object) -> None:
    some = export(profiles={"table": "Customer", "key": "Id"}, membership=membership)
    assert some.membership_key == key
    found = some.memberships
    assert (found and (found.name, found.path, found.segments)) == one
