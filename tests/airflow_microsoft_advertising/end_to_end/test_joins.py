"""Dataverse's memberships joined to profiles, delivered to the simulator: audiences are exact, day after day."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from customer_match.runs.report import Outcome
from tests.airflow_microsoft_advertising.end_to_end.test_steps import Installation
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

COUNT = 3_000
IDS = [hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest() for number in range(COUNT)]


def member(number: int) -> str:
    return hashlib.sha256(f"person{number}@example.com".encode()).hexdigest()


class Dataverse:
    """Every customer has a profile but those whose number ends in 7."""

    def __init__(self, folder: Path) -> None:
        self._lake = folder / "lake"
        self._write(
            "Customer",
            [
                {"CustomerId": one, "Email": f"Person{number}@Example.com"}
                for number, one in enumerate(IDS)
                if number % 10 != 7
            ],
        )

    def list(self, segments: dict[str, range], *, unreadable: bool = False) -> dict[str, list[str]]:
        """Write who is in which segment; gives the members that each audience must hold."""
        self._write(
            "msdynci_segmentmembership",
            [
                {
                    "msdynci_customerid": str(uuid.UUID(one)).upper(),
                    "msdynci_segments": json.dumps(
                        {"Segments": [name for name, numbers in segments.items() if number in numbers]}
                    ),
                }
                for number, one in enumerate(IDS)
            ]
            + [{"msdynci_customerid": "x", "msdynci_segments": '{"Segments": ["Go'}] * unreadable,
        )
        return {
            name: sorted(member(number) for number in numbers if number % 10 != 7)
            for name, numbers in segments.items()
        }

    def _write(self, name: str, rows: list[dict[str, str]]) -> None:
        (self._lake / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), self._lake / name / "part-0.parquet")


def of_dataverse(folder: Path, simulator: Simulator, **keys: Any) -> Installation:
    """An export of all segments that Dataverse's memberships list."""
    keys = {"profiles": "Customer", "membership": "msdynci_segmentmembership", **keys}
    return Installation(folder, simulator, segments="all", **keys)


@pytest.mark.parametrize("ending", ["keep", "empty", "delete"])
def test_a_segment_without_any_members_left(tmp_path: Path, simulator: Simulator, ending: str) -> None:
    """To the one table of memberships it looks as if it had never been."""
    gold, silver = (f"{name} {uuid.uuid4().hex[:8]}" for name in ("Gold", "Silver"))
    at = of_dataverse(tmp_path, simulator, vanished=ending)
    lake = Dataverse(tmp_path)
    before = lake.list({gold: range(2_000), silver: range(1_500, 3_000)})
    at.run()
    after = lake.list({silver: range(1_500, 2_900)})
    assert [report.audience for report in at.run()] == [silver], "a second run must miss it too"
    outcomes = {report.audience: report.outcome for report in at.run()}
    gone = {"empty": Outcome.EMPTIED, "delete": Outcome.DELETED}.get(ending)
    assert outcomes == {silver: Outcome.UNCHANGED} | ({gold: gone} if gone else {})
    [audience] = at.audiences(silver)
    assert at.api.members(audience["id"]) == after[silver]
    held = [at.api.members(one["id"]) for one in at.audiences(gold)]
    assert held == {"keep": [before[gold]], "empty": [[]], "delete": []}[ending]
    lake.list({gold: range(100), silver: range(1_500, 2_900)})
    at.run(ignore_guards=True)  # it is much smaller than it was
    [audience] = at.audiences(gold)
    assert len(at.api.members(audience["id"])) == 90


@pytest.mark.bad_input
def test_where_lists_cannot_be_read_no_segment_ends(tmp_path: Path, simulator: Simulator) -> None:
    """They may be the ones that list it."""
    gold, silver = (f"{name} {uuid.uuid4().hex[:8]}" for name in ("Gold", "Silver"))
    at = of_dataverse(tmp_path, simulator, vanished="delete")
    lake = Dataverse(tmp_path)
    before = lake.list({gold: range(200), silver: range(150, 400)})
    at.run()
    lake.list({silver: range(150, 400)}, unreadable=True)
    at.run()
    words = "1 rows of 'msdynci_segmentmembership' cannot be read; they may list the segment."
    with pytest.raises(AirflowSkipException, match=words):
        at.run()
    [audience] = at.audiences(gold)
    assert at.api.members(audience["id"]) == before[gold]


@pytest.mark.parametrize("route", ["bulk", "auto"])
def test_segments_of_one_table(tmp_path: Path, simulator: Simulator, route: str) -> None:
    gold, silver = (f"{name} {uuid.uuid4().hex[:8]}" for name in ("Gold", "Silver"))
    at = of_dataverse(tmp_path, simulator, route=route)
    lake = Dataverse(tmp_path)
    days = [
        {gold: range(2_000), silver: range(1_500, 3_000)},
        {gold: range(100, 2_040), silver: range(1_500, 3_000)},
    ]
    for day in days:
        wanted = lake.list(day)
        reports = at.run()
        assert [report.audience for report in reports] == [gold, silver]
        for report in reports:
            [audience] = at.audiences(report.audience)
            assert at.api.members(audience["id"]) == wanted[report.audience]
            assert report.customers == len(day[report.audience])
            assert report.without_profile == len([n for n in day[report.audience] if n % 10 == 7])
    assert (reports[0].added, reports[0].removed) == (36, 90)
    assert reports[1].outcome is Outcome.UNCHANGED
