"""Segments that only list customers, through the steps of a run: every format, the report, and what stops them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException
from fsspec.implementations.local import LocalFileSystem

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.report import write_report
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.export.segments import Segment
from customer_match.profiles.join import Joined
from customer_match.runs.report import Outcome
from customer_match.runs.report_page import html_of
from customer_match.runs.report_text import summary_of
from customer_match_sample_lake.cdm import CdmSample, Csv
from customer_match_sample_lake.delta import DeltaSample
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.small_lake import DAY, Lake, digest, hexes, prepare

pytestmark = pytest.mark.slow

Rows = list[dict[str, str]]
GUIDS = [f"{number:032x}" for number in range(0xCE759201, 0xCE759201 + 6)]
PROFILES: Rows = [
    {"CustomerId": GUIDS[0], "Email": "Anna@example.com", "Country": "DE"},
    {"CustomerId": GUIDS[1], "Email": "bob@example.com", "Country": "AT"},
    {"CustomerId": GUIDS[2], "Email": "no address", "Country": "DE"},
    {"CustomerId": GUIDS[3], "Email": "dora@example.com", "Country": "DE"},
    {"CustomerId": GUIDS[3], "Email": "dora@example.org", "Country": "DE"},
]
IDS: Rows = [
    {"CustomerId": f"{{{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:].upper()}}}"}
    for one in (GUIDS[0], GUIDS[1], GUIDS[1], GUIDS[2], GUIDS[3], GUIDS[5])
]
MEMBERS = {
    digest(one) for one in ("anna@example.com", "bob@example.com", "dora@example.com", "dora@example.org")
}
GOLD = Segment(table="Gold", audience="Gold")
DATAVERSE = "msdynci_segmentmembership"


def parquet(folder: Path, name: str, rows: Rows) -> None:
    (folder / name).mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / name / "part-0.parquet")


def csv(folder: Path, name: str, rows: Rows) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = Csv(header=True, delimiter=";").content(list(rows[0]), rows)
    (folder / f"{name}.csv").write_bytes(content)


def delta(folder: Path, name: str, rows: Rows) -> None:
    table = DeltaSample(
        LocalFileSystem(),
        str(folder / name),
        dict.fromkeys(rows[0], pa.string()),
        times=lambda version: DAY - timedelta(hours=2 - version),
    )
    table.append(rows)


def cdm(folder: Path, name: str, rows: Rows) -> None:
    sample = CdmSample(LocalFileSystem(), str(folder / f"export-{name}"))
    sample.run(name, list(rows[0]), [rows[:2], rows[2:]], "2026/04/30/0215")


FORMATS: dict[str, Callable[[Path, str, Rows], None]] = {
    "parquet": parquet,
    "csv": csv,
    "delta": delta,
    "cdm": cdm,
}


@pytest.fixture
def folder(tmp_path: Path, connect: Connect) -> Path:
    connect()
    return tmp_path


def listed(names: dict[str, list[str]]) -> Rows:
    return [
        {"msdynci_customerid": one, "msdynci_segments": json.dumps({"Segments": segments})}
        for one, segments in names.items()
    ]


def run_of(folder: Path, **options: Any) -> ExportRun:
    lake = object.__new__(Lake)
    lake.folder = folder
    own = {"source": str(folder / "tables"), "segments": "Gold", "profiles": "Customer"}
    return lake.run(**(own | options))


@pytest.mark.parametrize("lists", FORMATS)
@pytest.mark.parametrize("profiles", FORMATS)
def test_tables_of_ids_in_every_format(folder: Path, lists: str, profiles: str) -> None:
    FORMATS[lists](folder / "tables", "Gold", IDS)
    FORMATS[profiles](folder / "tables", "Customer", PROFILES)
    run = run_of(folder)
    prepare(run, GOLD)
    staged = normalise_segment(run, GOLD).staged
    assert hexes(run, staged.members) == MEMBERS
    assert (staged.profiles, staged.valid, staged.rejected) == (5, 4, {"not_an_address": 1})
    assert staged.joined == Joined(rows=6, customers=5, without_profile=1)
    chunk_segment(run, GOLD)
    [segment] = write_report(run, [GOLD]).segments
    assert (segment.customers, segment.without_profile) == (5, 1)
    assert segment.kept_out == {"customers without a profile": 1}


@pytest.mark.parametrize("kind", FORMATS)
def test_one_table_lists_the_segments_of_each_customer(folder: Path, kind: str) -> None:
    rows = listed({GUIDS[0]: ["Gold", "Silver"], GUIDS[1]: ["Gold"], GUIDS[3]: ["Silver"], GUIDS[4]: []})
    FORMATS[kind](folder / "tables", DATAVERSE, rows)
    FORMATS[kind](folder / "tables", "Customer", PROFILES)
    run = run_of(folder, segments="all", membership=DATAVERSE)
    segments = select_segments(run)
    assert [segment.table for segment in segments] == ["Gold", "Silver"]
    members = []
    for segment in segments:
        prepare(run, segment)
        members.append(hexes(run, normalise_segment(run, segment).staged.members))
    dora = {digest("dora@example.com"), digest("dora@example.org")}
    assert members == [
        {digest("anna@example.com"), digest("bob@example.com")},
        {digest("anna@example.com")} | dora,
    ]
    assert [
        segment.table for segment in select_segments(run_of(folder, segments=["S*"], membership=DATAVERSE))
    ] == ["Silver"]


def test_who_is_kept_out_on_either_side(folder: Path) -> None:
    rows = [
        row | {"Kind": kind}
        for row, kind in zip(listed({one: ["Gold"] for one in GUIDS}), "aababa", strict=True)
    ]
    parquet(folder / "tables", DATAVERSE, rows)
    parquet(folder / "tables", "Customer", PROFILES)
    parquet(folder / "tables", "Never", [{"Email": "DORA@example.org"}])
    run = run_of(folder, membership=DATAVERSE, where="Kind = 'a'", suppress="Never", row_key="CustomerId")
    staged = normalise_segment(run, GOLD).staged
    assert hexes(run, staged.members) == {
        digest("anna@example.com"),
        digest("bob@example.com"),
        digest("dora@example.com"),
    }
    assert (staged.profiles, staged.filtered, staged.valid, staged.suppressed) == (6, 2, 4, 1)
    assert staged.joined == Joined(rows=6, filtered=2, customers=4, without_profile=1)
    country = run_of(folder, name="b", membership=DATAVERSE, where="Country = 'DE'", row_key="CustomerId")
    staged = normalise_segment(country, GOLD).staged
    assert (staged.profiles, staged.filtered, staged.valid) == (5, 1, 3)
    assert staged.rejects
    found = pq.read_table(folder / "workspace" / staged.rejects.path).to_pylist()
    assert found == [{"key": GUIDS[2], "reason": "not_an_address"}]


def test_profiles_in_a_source_of_their_own(folder: Path) -> None:
    csv(folder / "tables", "Gold", IDS)
    delta(folder / "unified", "Customer", PROFILES)
    run = run_of(folder, profiles={"table": "Customer", "source": str(folder / "unified")}, segments="all")
    assert select_segments(run) == [GOLD]
    assert normalise_segment(run, GOLD).staged.members.count == 4


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profiles": "Custmer"}, r"Profiles 'Custmer': There is no table.*'Customer'.*Correct `profiles`"),
        ({"membership": "Nowhere"}, "There is no table 'Nowhere'.*Correct `membership`"),
        ({"membership": {"key": "Id"}}, "no column 'Id'.*Correct `membership.key`"),
        ({"profiles": {"table": "Customer", "key": "Id"}}, "no column 'Id'.*Correct `profiles.key`"),
        ({"email": "Emial"}, "no column 'Emial'. Did you mean 'Email'"),
    ],
)
def test_missing_tables_are_reported_before_anything_is_read(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    parquet(folder / "tables", "Gold", IDS)
    parquet(folder / "tables", "Customer", PROFILES)
    run = run_of(folder, **options)
    with pytest.raises(AirflowFailException, match=message):
        validate_segment(run, GOLD)
    assert write_report(run, [GOLD]).segments[0].outcome is Outcome.FAILED


@pytest.mark.bad_input
def test_a_segment_that_no_row_lists(folder: Path) -> None:
    rows = [*listed({GUIDS[0]: ["Golden"]}), {"msdynci_customerid": GUIDS[1], "msdynci_segments": '["Gold'}]
    parquet(folder / "tables", DATAVERSE, rows)
    parquet(folder / "tables", "Customer", PROFILES)
    run = run_of(folder, membership=DATAVERSE)
    with pytest.raises(
        AirflowFailException, match=r"lists the segment 'Gold'.*mean 'Golden'\?.*1 rows cannot be read"
    ):
        normalise_segment(run, GOLD)
    empty = run_of(folder, membership=DATAVERSE, guards={"allow_empty": True})
    assert normalise_segment(empty, GOLD).staged.members.count == 0


@pytest.mark.bad_input
def test_keys_that_never_meet_stop_the_segment(folder: Path) -> None:
    parquet(folder / "tables", "Gold", [{"CustomerId": "7"}, {"CustomerId": "8"}])
    parquet(folder / "tables", "Customer", PROFILES)
    with pytest.raises(
        AirflowFailException, match=r"no members: 0 profiles read.*2 customers without a profile.*keys"
    ):
        normalise_segment(run_of(folder), GOLD)


def test_no_id_and_no_address_in_any_output(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    parquet(folder / "tables", "Gold", IDS)
    parquet(folder / "tables", "Customer", PROFILES)
    caplog.set_level(logging.DEBUG)
    run = run_of(folder)
    prepare(run, GOLD)
    report = write_report(run, [GOLD])
    told = f"{caplog.text}\n{report.model_dump_json()}\n{html_of(report)}\n{summary_of(report)}"
    records = list((folder / "workspace").rglob("*.json"))
    told += "\n".join(path.read_text() for path in records)
    assert records
    for secret in ("example.com", "example.org", *GUIDS, *(one[20:].upper() for one in GUIDS), *MEMBERS):
        assert secret not in told
