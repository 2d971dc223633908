"""Erasure under a real scheduler: a batch as a DAG, whose key Airflow makes and keeps, and the runs after it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_microsoft_advertising.erasure.dag import DAG_ID
from customer_match.addresses.definition import Policy, digest, judge
from customer_match.erasure.register import KEY_NAME

pytestmark = [pytest.mark.system, pytest.mark.lengthy, pytest.mark.azurite, pytest.mark.timeout(600)]

EXPORT, AUDIENCE = "forgetting", "People who ask"
PERSON, STAYS = "Eve.Canary+News@canary-mail.example", "bob@stay.example"


def test_a_batch_erases_people_and_the_next_run_keeps_them_out(installation: Any) -> None:
    """Exports that are broken on purpose leave the request pending; the audiences that can be reached are exact."""
    table = installation.folder / EXPORT / AUDIENCE
    table.mkdir(parents=True)
    (table / "a.csv").write_text(f"Id,Email\n1,{PERSON}\n2,{STAYS}\n")
    people = installation.folder / "people.txt"
    people.write_text(f"{PERSON.upper()}\n")
    assert installation.run(EXPORT)[1] == "success"
    gone = {one.hex() for one in judge(PERSON, Policy.BOTH).digests}
    assert set(installation.members(AUDIENCE)) == {digest(STAYS).hex(), *gone}

    run_id = installation.start(DAG_ID, file=str(people))
    wait_for(installation, run_id, "receive", {"success", "failed"})
    wait_for(installation, run_id, "complete", {"up_for_retry", "success", "failed"})
    installation.api.patch(f"/dags/{DAG_ID}/dagRuns/{run_id}", {"state": "failed"})  # it would wait for hours
    assert installation.api.task_states(DAG_ID, run_id)["receive"] == {"": "success"}
    assert installation.members(AUDIENCE) == [digest(STAYS).hex()]
    [file] = (installation.folder / "workspace" / "erasure" / "requests").iterdir()
    evidence = json.loads(file.read_text())
    [removed] = [one for one in evidence["audiences"] if one["audience"] == AUDIENCE]
    assert (removed["outcome"], removed["removed"]) == ("removed", 2)

    run_id, state = installation.run(EXPORT)
    assert state == "success"
    [segment] = installation.report(EXPORT, run_id).segments
    assert (segment.erased, segment.members, segment.added, segment.removed) == (2, 1, 0, 0)
    assert installation.members(AUDIENCE) == [digest(STAYS).hex()]
    [key] = [v for v in installation.api.get("/variables", limit=100)["variables"] if v["key"] == KEY_NAME]
    assert (key["value"], key["is_encrypted"]) == ("***", True)
    nobody_is_named(installation.folder / "workspace", gone)


def wait_for(installation: Any, run_id: str, task: str, states: set[str]) -> None:
    for _ in range(300):
        if set(installation.api.task_states(DAG_ID, run_id).get(task, {}).values()) & states:
            return
        time.sleep(1)
    raise AssertionError(f"{task} was never {states}: {installation.api.task_states(DAG_ID, run_id)}")


def nobody_is_named(workspace: Path, digests: set[str]) -> None:
    wanted = [b"canary-mail", *(one.encode() for one in digests), *map(bytes.fromhex, digests)]
    files = [path for path in workspace.rglob("*") if path.is_file()]
    assert [path for path in files if any(one in path.read_bytes().lower() for one in wanted[:3])] == []
    assert [path for path in files if any(one in path.read_bytes() for one in wanted[3:])] == []
