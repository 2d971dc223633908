"""Segments that share tasks, under a real scheduler: what a user sees of them, and what clearing does again."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import httpx
import pytest

from customer_match.runs.report import Outcome
from tests.system.batch_lake import BROKEN, EXPORT, LARGE, MAX_MAP_LENGTH, SMALL, audience, write_table

pytestmark = [pytest.mark.system, pytest.mark.lengthy, pytest.mark.azurite, pytest.mark.timeout(600)]

OWN, BATCH = 0, 1  # mapped instances: a large segment comes first
STEPS = ("validate", "normalise", "chunk")


@pytest.fixture(scope="module")
def run_id(installation: Any) -> str:
    """A run in which one segment of the batch fails."""
    run_id, state = installation.run(EXPORT)
    assert state == "failed"
    return str(run_id)


def test_small_segments_share_tasks_and_a_large_one_has_its_own(installation: Any, run_id: str) -> None:
    found = {
        (one["task_id"].removeprefix("segment."), one["map_index"]): one
        for one in installation.api.instances(EXPORT, run_id)
    }
    for step in STEPS:
        assert [found[step, index]["state"] for index in (OWN, BATCH)] == ["success", "success"]
        assert found[step, OWN]["rendered_map_index"] == audience(LARGE)
        name = found[step, BATCH]["rendered_map_index"]
        assert name.startswith(f"{audience(SMALL[0])}, {audience(SMALL[1])}, ")
        assert name.endswith(" more")
        assert (step, BATCH + 1) not in found
    assert [found["upload", index]["state"] for index in (OWN, BATCH)] == ["success", "skipped"]
    assert [found["upload_batch", index]["state"] for index in (OWN, BATCH)] == ["skipped", "failed"]
    assert found["upload_batch", BATCH]["rendered_map_index"] == name
    assert found["report", -1]["state"] == "failed"


def test_more_segments_than_airflow_maps_are_delivered(installation: Any, run_id: str) -> None:
    delivered = (*SMALL, LARGE)
    assert len(delivered) > MAX_MAP_LENGTH
    outcomes = {one.segment: one.outcome for one in installation.report(EXPORT, run_id).segments}
    assert outcomes == {BROKEN: Outcome.FAILED} | dict.fromkeys(delivered, Outcome.DELIVERED)
    for table in delivered:
        assert installation.members(audience(table)) == installation.expected(EXPORT, table).members
    told = [extra["audience"] for extra in installation.events(EXPORT, run_id).values()]
    assert sorted(told) == sorted(map(audience, delivered))


def test_the_failed_segment_is_named_in_log_note_and_report(installation: Any, run_id: str) -> None:
    log = installation.api.log(EXPORT, run_id, "segment.upload_batch", BATCH)
    assert f"Segment {audience(BROKEN)!r}: " in log
    note = installation.api.get(f"/dags/{EXPORT}/dagRuns/{run_id}")["note"]
    [message] = [one.message for one in installation.report(EXPORT, run_id).segments if one.message]
    for text in (log, note, message):
        assert f"{BROKEN}/part-0.parquet" in text
    assert audience(BROKEN) in note


@pytest.mark.usefixtures("run_id")
def test_five_uploads_at_a_time(installation: Any) -> None:
    steps = [(one["accepted"], 1) for one in _uploads(installation)]
    steps += [(one["finished"], -1) for one in _uploads(installation)]
    assert max(accumulate(step for _, step in sorted(steps))) <= 5


def test_clearing_after_the_repair_sends_only_what_is_missing(installation: Any, run_id: str) -> None:
    before = len(_uploads(installation))
    write_table(installation.folder / EXPORT, BROKEN)
    installation.api.post(
        f"/dags/{EXPORT}/clearTaskInstances",
        {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [["segment.upload_batch", BATCH]],
            "include_downstream": True,
            "only_failed": False,
        },
    )
    assert installation.wait(EXPORT, run_id) == "success"
    assert {one.outcome for one in installation.report(EXPORT, run_id).segments} == {Outcome.DELIVERED}
    for table in (*SMALL, LARGE, BROKEN):
        assert installation.members(audience(table)) == installation.expected(EXPORT, table).members
    assert len(_uploads(installation)) == before + 1
    note = installation.api.get(f"/dags/{EXPORT}/dagRuns/{run_id}")["note"]
    assert note.startswith("12 of 12 segments succeeded.")


def _uploads(installation: Any) -> list[dict[str, Any]]:
    """Return the uploads that the service has accepted, and that have ended."""
    url = f"{installation.stack.account['base_url']}/simulator/uploads"
    found: list[dict[str, Any]] = httpx.get(url, trust_env=False).json()
    return [one for one in found if one["accepted"] and one["finished"]]
