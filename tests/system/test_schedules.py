"""Exports that follow their data, and deadlines, under a real scheduler and triggerer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from fsspec.implementations.local import LocalFileSystem

from customer_match.project import PROJECT
from customer_match_demo.processes import Program
from customer_match_demo.stack import AIRFLOW_PROGRAMS
from customer_match_sample_lake.delta import DeltaSample
from tests.system.conftest import AID, CID, Installation

pytestmark = [pytest.mark.system, pytest.mark.azurite, pytest.mark.lengthy, pytest.mark.timeout(1200)]

CHECK_SECONDS = 5
QUIET_SECONDS = 20.0  # several checks, the time that Airflow has to store an event, and that of the scheduler
URI = f"x-microsoft-advertising://{AID}/audiences/watching%20Fresh"


class Following:
    """An export that watches two tables, and another one that follows its audiences."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.folder = installation.folder / "watching"
        self.emails = {"Fresh": {"anna@example.com"}, "News": {"bob@example.com"}}
        self.delta = DeltaSample(LocalFileSystem(), str(self.folder / "Fresh"), {"Email": pa.string()})
        self.delta.append([{"Email": "anna@example.com"}])
        self.write_news("bob@example.com")
        refresh = {"check_seconds": CHECK_SECONDS, "settle_seconds": CHECK_SECONDS}
        self._export("watching", {"refresh": refresh})
        self._export("following", {"any": ["watching audiences", URI]})

    def _export(self, name: str, schedule: Any) -> None:
        segments = [{"table": table, "audience": f"{name} {table}"} for table in self.emails]
        values = {
            "cid": CID, "aid": AID, "source": str(self.folder), "segments": segments, "email": "Email", "retries": 0,
            "workspace": str(self.installation.folder / "workspace"), "schedule": schedule,
        }  # fmt: skip
        (self.installation.folder / "exports" / f"{name}.yaml").write_text(yaml.safe_dump(values))

    def write_news(self, *emails: str) -> None:
        """Write the table of plain files again."""
        self.emails["News"] = set(emails)
        (self.folder / "News").mkdir(exist_ok=True)
        (self.folder / "News" / "part-0.csv").write_text("\n".join(("Email", *emails)) + "\n")

    def commit(self, email: str) -> None:
        """Commit a version of the Delta table."""
        self.emails["Fresh"].add(email)
        self.delta.append([{"Email": email}])

    def runs(self, name: str) -> list[dict[str, Any]]:
        return _runs(self.installation, name)

    def wait_for(self, number: int) -> None:
        """Wait until both exports have run so often; then nothing more happens, and the audiences are exact."""
        for name in ("watching", "following"):
            _wait(lambda name=name: len(_ended(self.runs(name))) >= number)  # type: ignore[misc]  # bound at once
        time.sleep(QUIET_SECONDS)
        for name in ("watching", "following"):
            assert [run["state"] for run in self.runs(name)] == ["success"] * number
            for table, emails in self.emails.items():
                digests = sorted(hashlib.sha256(email.encode()).hexdigest() for email in emails)
                assert self.installation.members(f"{name} {table}") == digests

    def stop_triggerer(self) -> None:
        stack = self.installation.stack
        [program] = [one for one in stack.programs if one.name == "triggerer"]
        program.stop()
        stack.programs.remove(program)

    def start_triggerer(self) -> None:
        stack = self.installation.stack
        env = {
            **stack.environment,
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "customer_match_demo.loopback.host",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{stack.airflow_url}/execution/",
        }
        command = [str(stack.python.with_name("airflow")), *AIRFLOW_PROGRAMS["triggerer"]]
        log = stack.folder / "logs" / "triggerer-again.log"
        stack.programs.append(Program.start("triggerer", command, log=log, env=env, cwd=Path(PROJECT)))


def test_each_new_version_starts_one_run_and_nothing_else_does(installation: Installation) -> None:
    following = Following(installation)
    installation.api.wait_for_dag("watching")
    installation.api.wait_for_dag("following")
    following.wait_for(1)
    following.commit("cleo@example.com")
    following.wait_for(2)
    following.write_news("bob@example.com", "dora@example.com")
    following.wait_for(3)
    following.stop_triggerer()
    following.commit("emil@example.com")  # while it is down
    following.start_triggerer()
    following.wait_for(4)
    following.stop_triggerer()
    following.start_triggerer()
    following.wait_for(4)
    dry_id, state = installation.run("watching", dry_run=True)
    assert (state, installation.events("watching", dry_id)) == ("success", {})
    following.wait_for(4)
    newest = max(following.runs("watching"), key=lambda run: str(run["run_after"]))
    found = installation.events("watching", newest["dag_run_id"])
    assert set(found) == {"watching audiences", URI, URI.replace("Fresh", "News")}
    assert (found[URI]["added"], found[URI]["members"]) == (1, 3)


def test_a_partition_starts_the_run_of_its_day(installation: Installation) -> None:
    """The events come from outside of Airflow. The older day does not overwrite the newer one."""
    for day, email in (("2026-05-01", "anna@example.com"), ("2026-05-02", "bob@example.com")):
        folder = installation.folder / "parts" / day / "Loyal"
        folder.mkdir(parents=True)
        (folder / "part-0.csv").write_text(f"Email\n{email}\n")
    values = {
        "cid": CID, "aid": AID, "source": f"{installation.folder}/parts/{{{{ ds }}}}", "email": "Email", "retries": 0,
        "segments": [{"table": "Loyal", "audience": "parts"}], "workspace": str(installation.folder / "workspace"),
        "schedule": {"asset": "basic audiences", "partition": "%Y-%m-%d"},
    }  # fmt: skip
    (installation.folder / "exports" / "parts.yaml").write_text(yaml.safe_dump(values))
    installation.api.wait_for_dag("parts")
    [asset] = installation.api.get("/assets", name_pattern="basic audiences")["assets"]
    for number, key in enumerate(("2026-05-02", "2026-05-01"), 1):
        installation.api.post("/assets/events", {"asset_id": asset["id"], "partition_key": key})
        _wait(lambda number=number: len(_ended(_runs(installation, "parts"))) == number)  # type: ignore[misc]  # as above
        [run] = [one for one in _runs(installation, "parts") if one["partition_key"] == key]
        report = installation.report("parts", run["dag_run_id"])
        assert report.interval_end == datetime.fromisoformat(f"{key}T00:00:00+00:00")
        assert report.segments[0].outcome.value == ("delivered" if number == 1 else "skipped")
    assert installation.members("parts") == [hashlib.sha256(b"bob@example.com").hexdigest()]


def test_a_missed_deadline_is_announced_and_so_is_the_late_run(installation: Installation) -> None:
    """The export is paused, so nothing has started it."""
    moment = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=3)
    table = installation.folder / "timed" / "Loyal"
    table.mkdir(parents=True)
    (table / "part-0.csv").write_text("Email\nanna@example.com\n")
    values = {
        "cid": CID, "aid": AID, "source": str(table.parent), "segments": ["Loyal"], "email": "Email",
        "workspace": str(installation.folder / "workspace"), "deadline": f"{moment:%H:%M}", "paused_at_creation": True,
        "alerts": [{"webhook": "web"}],
    }  # fmt: skip
    (installation.folder / "exports" / "timed.yaml").write_text(yaml.safe_dump(values))
    installation.api.wait_for_dag("segment_exports_deadlines")
    _wait(lambda: installation.receivers.kinds("timed") == ["deadline"])
    assert datetime.now(UTC) >= moment
    installation.api.patch("/dags/timed", {"is_paused": False})
    _, state = installation.run("timed")
    assert state == "success"
    _wait(lambda: installation.receivers.kinds("timed") == ["deadline", "recovery"])
    [_, (_, late)] = [post for post in installation.receivers.web.posts if post[1]["export"] == "timed"]
    assert "up to date, but late" in late["title"]
    [check] = installation.api.get("/dags/segment_exports_deadlines/dagRuns", limit=10)["dag_runs"]
    assert (check["state"], check["run_type"]) == ("success", "scheduled")


def _runs(installation: Installation, dag_id: str) -> list[dict[str, Any]]:
    found = installation.api.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return [run for run in found if run["run_type"] == "asset_triggered"]


def _ended(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs if run["state"] in {"success", "failed"}]


def _wait(condition: Callable[[], bool]) -> None:
    for _ in range(240):
        if condition():
            return
        time.sleep(1)
    raise AssertionError("this never happened")
