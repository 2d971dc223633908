"""Tables whose files become ones of another kind, against the simulator as a process: their audiences stay."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_microsoft_advertising.cli.local_run import LocalRun
from airflow_microsoft_advertising.run.export_run import ExportRun
from customer_match.export.model import Export
from customer_match.runs.report import Outcome
from microsoft_advertising.retrying import RetryPolicy
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PEOPLE = [f"person{number}@example.org" for number in range(6)]
DAY = datetime(2026, 5, 1, tzinfo=UTC)


class Installation:
    """An export of all tables of a lake, whose audiences are deleted when tables vanish."""

    def __init__(self, folder: Path, simulator: Simulator, **keys: Any) -> None:
        self.lake, self.api = folder / "lake", simulator.api
        unique = uuid.uuid4().hex[:8]  # the simulator is the session's
        self.gold, self.silver, self.bronze, self.lone = (
            f"{name} {unique}" for name in ("Gold", "Silver", "Bronze", "Lone")
        )
        values = {
            "name": f"kinds-{unique}",
            "cid": simulator.ready["customer_id"],
            "aid": simulator.ready["account_id"],
            "source": str(self.lake),
            "segments": f"* {unique}",
            "email": "Email",
            "vanished": "delete",
            "workspace": str(folder / "workspace"),
        }
        self.export = Export.model_validate(values | keys)
        self.day = DAY

    def write(self, path: str, people: list[str] = PEOPLE) -> Path:
        file = self.lake / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["Email", *people, ""]))
        return file

    def run(self) -> dict[str, tuple[Outcome, str]]:
        """One run, of the next day; by audience how it ended."""
        self.day += timedelta(days=1)
        run = ExportRun(export=self.export, run_id=f"run {self.day:%d}", interval_end=self.day)
        report = LocalRun(run, sleep=lambda _: None)(())
        return {segment.audience: (segment.outcome, str(segment.message)) for segment in report.segments}

    def holds(self, audience: str) -> int | None:
        """Members of an audience; None if it was deleted, or never was."""
        found = [one for one in self.api.control("audiences") if one["name"] == audience]
        living = [one["members"] for one in found if not one["deleted"]]
        return living[0] if living else None


@pytest.fixture
def installed(tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setattr(RetryPolicy, "_wait", lambda *_: 0.0)
    return Installation(tmp_path, simulator)


def test_only_the_table_that_is_gone_ends(installed: Installation) -> None:
    names = (installed.gold, installed.silver, installed.bronze, installed.lone)
    gold, silver, _ = (installed.write(f"{name}/part-0.csv") for name in names[:3])
    lone = installed.write(f"{installed.lone}.csv")
    installed.run()
    assert [installed.holds(name) for name in names] == [6] * 4
    gold.rename(gold.with_suffix(".ndjson"))
    lone.rename(lone.with_suffix(".json"))
    silver.unlink()
    silver.parent.rmdir()
    for _ in range(3):
        ends = installed.run()
        for name, file in ((installed.gold, "part-0.ndjson"), (installed.lone, f"{installed.lone}.json")):
            assert ends[name][0] is Outcome.FAILED
            assert file in ends[name][1]
    assert [installed.holds(name) for name in names] == [6, None, 6, 6]
    gold.with_suffix(".ndjson").rename(gold.with_name("000000_0"))  # Hive's name: its bytes tell
    lone.with_suffix(".json").rename(lone.with_suffix(""))
    installed.write(f"{installed.gold}/000001_0", ["one.more@example.org"])
    ends = installed.run()
    assert [ends[name][0] for name in (installed.gold, installed.lone)] == [
        Outcome.DELIVERED,
        Outcome.UNCHANGED,
    ]
    assert [installed.holds(name) for name in (installed.gold, installed.lone)] == [7, 6]


def test_a_list_of_whom_to_keep_out_is_read_whole_or_not_at_all(installed: Installation) -> None:
    gold = installed.gold
    keys = {"suppress": ["DoNotContact"], "segments": [gold], "vanished": "keep"}
    installed.export = Export.model_validate(installed.export.model_dump(exclude_unset=True) | keys)
    installed.write(f"{gold}/part-0.csv")
    installed.write("DoNotContact/part-00000", PEOPLE[:1])
    installed.write("DoNotContact/000000_0", PEOPLE[1:2])
    installed.run()
    assert installed.holds(gold) == 4
    left = installed.write("DoNotContact/part-00001.ndjson", PEOPLE[2:3])
    assert "part-00001.ndjson" in installed.run()[gold][1]
    assert installed.holds(gold) == 4
    left.rename(left.with_suffix(".dat"))
    installed.run()
    assert installed.holds(gold) == 3
