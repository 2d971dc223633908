"""One whole installation for all system tests: simulator, storage emulator, Airflow, and a folder of exports."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import adlfs
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from fsspec.implementations.local import LocalFileSystem
from playwright.sync_api import Page

from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.runs.report import RunReport
from customer_match.safe_names import slug
from customer_match.workspace.workspace import Workspace
from customer_match_demo import azurite
from customer_match_demo.airflow_api import AirflowApi
from customer_match_demo.expected import Expected, expected
from customer_match_demo.saved_connection import save_connection
from customer_match_demo.show import audience_members
from customer_match_demo.stack import Stack, account_connection
from customer_match_demo.tables import DemoTable, demo_tables, write_tables
from tests.browser import chromium
from tests.metric_receivers import StatsdServer, statsd_server
from tests.system import alerting, batch_lake, dated_lake, guarded_lake

SCALE = 0.01
CID, AID = "190000001", "180000001"


@dataclass
class Installation:
    """The running installation and what the tests ask of it."""

    folder: Path
    stack: Stack
    api: AirflowApi
    lakes: Mapping[str, Any]
    began: datetime
    receivers: alerting.Receivers
    statsd: StatsdServer

    def start(self, dag_id: str, **conf: Any) -> str:
        """Trigger a run by hand; returns its id."""
        self.api.wait_for_dag(dag_id)
        return self.api.trigger(dag_id, **conf)

    def wait(self, dag_id: str, run_id: str) -> str:
        """Wait for a run; returns its state."""
        return self.api.wait_for_run(dag_id, run_id, seconds=300)

    def run(self, dag_id: str, **conf: Any) -> tuple[str, str]:
        """Trigger a run by hand and wait for it: its id and its state."""
        run_id = self.start(dag_id, **conf)
        return run_id, self.wait(dag_id, run_id)

    def scheduled_run(self, dag_id: str) -> str:
        """The run that the schedule made by itself when the stack began; its id."""
        self.api.wait_for_dag(dag_id)
        for _ in range(60):
            found = self.api.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
            if runs := [run["dag_run_id"] for run in found if run["run_type"] == "scheduled"]:
                return str(runs[0])
            time.sleep(1)
        raise AssertionError("the schedule made no run")

    def wait_until_idle(self) -> None:
        """Wait until no run is under way.

        SQLite takes one writer at a time. A backfill that is made meanwhile may break off half-way, and what Airflow
        then takes back ends its scheduler (observed: 3.3.2; apache/airflow issue 66726).
        """
        for _ in range(300):
            if not self.api.get("/dags/~/dagRuns", state=["queued", "running"], limit=1)["total_entries"]:
                return
            time.sleep(1)
        raise AssertionError("there always is a run under way")

    def backfill(
        self, dag_id: str, first: str, last: str, *, at_least: int, **conf: Any
    ) -> list[dict[str, Any]]:
        """Make a backfill, the oldest day first; all runs of backfills of this export, once there are so many."""
        body = {"dag_id": dag_id, "from_date": first, "to_date": last, "dag_run_conf": conf}
        order = {"max_active_runs": 1, "run_backwards": False, "reprocess_behavior": "none"}
        self.wait_until_idle()
        self.api.post("/backfills", body | order)
        return self.backfill_runs(dag_id, at_least=at_least)

    def airflow(self, *arguments: str) -> str:
        """Run a command of Airflow on this installation; its output."""
        command = [str(self.stack.python.with_name("airflow")), *arguments]
        done = subprocess.run(
            command, env=self.stack.environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def backfill_runs(self, dag_id: str, *, at_least: int) -> list[dict[str, Any]]:
        """All runs of backfills of this export, the oldest day first, once there are so many."""
        for _ in range(60):
            found = self.api.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
            runs = [run for run in found if run["run_type"] == "backfill"]
            if len(runs) >= at_least:
                return sorted(runs, key=lambda run: str(run["logical_date"]))
            time.sleep(1)
        raise AssertionError("the backfill made no runs")

    def report(self, dag_id: str, run_id: str, kind: str = "local") -> RunReport:
        filesystem, root = self.lakes[kind]
        filesystem.invalidate_cache()
        path = f"{root}/workspace/runs/{slug(dag_id)}/{slug(run_id)}/report.json"
        return RunReport.model_validate_json(filesystem.cat_file(path))

    def events(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """What the events of a run say, by the URI of the asset."""
        found = self.api.get("/assets/events", source_dag_id=dag_id, order_by="-timestamp", limit=100)
        own = [event for event in found["asset_events"] if event["source_run_id"] == run_id]
        assert len(own) == len({event["uri"] for event in own})
        return {event["uri"]: event["extra"] for event in own}

    def write(self, dag_id: str, tables: Sequence[DemoTable], kind: str = "local") -> None:
        filesystem, root = self.lakes[kind]
        write_tables(f"{root}/{dag_id}", tables, filesystem)

    def expected(self, dag_id: str, table: str, policy: str = "basic", kind: str = "local") -> Expected:
        filesystem, root = self.lakes[kind]
        return expected(f"{root}/{dag_id}/{table}", policy=policy, filesystem=filesystem)

    def ledger(self, audience: str) -> Ledger:
        """The ledger of an audience whose export is a local one."""
        workspace = Workspace(LocalFileSystem(), str(self.folder / "workspace"))
        return Ledger(workspace, ledger_folder(AID, audience), audience)

    def audit(self, export: str) -> list[dict[str, Any]]:
        """The entries of a local export's audit trail; it is sound, and has the last entry that Airflow keeps."""
        command = [str(self.stack.python.with_name("customer-match")), "audit", "verify", export, "--json"]
        done = subprocess.run(
            command, env=self.stack.environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(done.stdout)
        assert found["head"] == found["known"]
        workspace = Workspace(LocalFileSystem(), str(self.folder / "workspace"))
        folder = f"audit/{slug(export)}"
        contents = [workspace.read_bytes(f"{folder}/{name}") for name in workspace.list(folder)]
        return [json.loads(line) for content in contents for line in content.splitlines()]

    def members(self, audience: str) -> list[str] | None:
        """What an audience holds now; None if there is none of this name."""
        base_url = self.stack.account["base_url"]
        audiences = httpx.get(f"{base_url}/simulator/audiences", trust_env=False).json()
        ids = [a["id"] for a in audiences if a["name"] == audience and not a.get("deleted")]
        assert len(ids) <= 1
        return list(audience_members(base_url, ids[0])) if ids else None


def _export(folder: Path, name: str, **changes: Any) -> None:
    values = {
        "cid": CID,
        "aid": AID,
        "source": {"root": str(folder / name)},
        "workspace": str(folder / "workspace"),
        "segments": [
            {"table": table.table, "audience": f"{name} {table.table}"} for table in demo_tables(SCALE)
        ],
        "email": "Email",
        "retries": 0,
    }
    (folder / "exports" / f"{name}.yaml").write_text(yaml.safe_dump(values | changes))


def _faulty_tables(folder: Path) -> None:
    """One good table and three that are broken, each in its own way."""
    good = pa.table({"CustomerId": ["1", "2"], "Email": ["good.one@example.org", "good.two@example.org"]})
    for name, table in {
        "Good": good,
        "NoColumn": good.rename_columns(["CustomerId", "Phone"]),
        "Empty": good.slice(0, 0),
        "Truncated": good,
    }.items():
        (folder / name).mkdir(parents=True)
        pq.write_table(table, folder / name / "part-0.parquet")
    truncated = folder / "Truncated" / "part-0.parquet"
    truncated.write_bytes(truncated.read_bytes()[:-20])


def _write_exports(folder: Path) -> None:
    (folder / "exports").mkdir(parents=True)
    _export(folder, "basic", profiles_per_part=5_000, route="bulk")  # so that tasks do defer
    one = {"table": "HighValueCustomers"}
    for policy in ("enhanced", "both"):
        _export(folder, policy, normalisation=policy, segments=[one | {"audience": policy}])
    _export(folder, "faulty", segments=["Good", "NoColumn", "Empty", "Truncated"])
    _faulty_tables(folder / "faulty")
    _export(folder, "forgetting", segments=["People who ask"], normalisation="both")
    small = [{"table": "LapsedVIPs", "audience": "small"}]
    _export(folder, "wrong_password", segments=small, connection="wrong_password")
    down = [{"table": "LapsedVIPs", "audience": "down"}]
    _export(folder, "service_down", segments=down, connection="service_down")
    _export(folder, "one_time", connection="one_time", route="bulk")  # so that triggers renew, too
    _export(folder, "daily", segments=[{"table": "LapsedVIPs", "audience": "daily"}], schedule="@daily")
    forced = {"segments": [{"table": "LapsedVIPs", "audience": "forced"}], "start_date": "2026-11-01"}
    _export(folder, "forced", **forced, schedule="0 5 * * *")
    _export(folder, "dated", **dated_lake.CHANGES)
    _export(folder, batch_lake.EXPORT, **batch_lake.CHANGES)
    _export(folder, guarded_lake.EXPORT, **guarded_lake.CHANGES)
    for name, changes in alerting.EXPORTS.items():
        _export(folder, name, **changes)
    _export(
        folder,
        "azure",
        segments=[one | {"audience": "azure"}],
        source={"connection": "lake", "root": "abfs://lake/azure"},
        workspace={"connection": "lake", "root": "abfs://lake/workspace"},
    )
    _export(folder, "withdrawn", segments=small, connection="browser_kept")  # see test_connections_page.py
    (folder / "exports" / "broken.yaml").write_text("cid: 1\naid: 2\nsegmints: all\n")


def signed_in(account: Mapping[str, str]) -> str:
    """The refresh token of a sign-in of its own, by hand: page, button, code, token."""
    asked = {
        "client_id": account["client_id"],
        "response_type": "code",
        "redirect_uri": "http://localhost",
        "scope": "https://ads.microsoft.com/msads.manage offline_access",
    }
    authority = f"{account['base_url']}/common/oauth2/v2.0"
    answer = httpx.post(f"{authority}/authorize", data=asked | {"decision": "accept"}, trust_env=False)
    code = httpx.URL(answer.headers["Location"]).params["code"]
    form = {
        "grant_type": "authorization_code",
        "client_id": account["client_id"],
        "client_secret": account["client_secret"],
        "redirect_uri": "http://localhost",
        "code": code,
    }
    token: str = httpx.post(f"{authority}/token", data=form, trust_env=False).json()["refresh_token"]
    return token


def _other_connections(account: Mapping[str, str]) -> dict[str, str]:
    wrong = account_connection(account) | {"password": "not-the-secret"}
    one_time = account_connection(account)
    one_time["extra"] |= {"refresh_token": signed_in(account)}
    down = account_connection(account)
    down["extra"] |= {"base_url": "http://127.0.0.1:9"}  # the discard port: nobody listens
    return {
        "AIRFLOW_CONN_WRONG_PASSWORD": json.dumps(wrong),
        "AIRFLOW_CONN_SERVICE_DOWN": json.dumps(down),
        "AIRFLOW_CONN_ONE_TIME": json.dumps(one_time),
    }


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder, began = tmp_path_factory.mktemp("installation"), datetime.now(UTC)
    _write_exports(folder)
    dated_lake.write_dated_tables(folder / "dated", began)
    batch_lake.write_batch_tables(folder / batch_lake.EXPORT)
    with (
        azurite.running(folder / "azurite") as endpoint,
        alerting.receivers() as receivers,
        statsd_server() as statsd,
    ):
        lake = adlfs.AzureBlobFileSystem(connection_string=endpoint.connection_string)
        lake.mkdir("lake")
        connection = {
            "conn_type": "wasb",
            "login": endpoint.account_name,
            "extra": {"connection_string": endpoint.connection_string},
        }
        stack = Stack(
            folder / "stack",
            settings={
                "CUSTOMER_MATCH_EXPORTS": str(folder / "exports"),
                "AIRFLOW_CONN_LAKE": json.dumps(connection),
                "AIRFLOW__CORE__MAX_MAP_LENGTH": str(batch_lake.MAX_MAP_LENGTH),
                **receivers.connections,
                **statsd.settings(tags=True),
            },
            more_settings=_other_connections,
            connection_in_environment=False,
        )
        with stack:
            api = stack.api()
            assert save_connection(api, stack.account)
            lakes = {"local": (LocalFileSystem(), str(folder)), "azurite": (lake, "lake")}
            running = Installation(folder, stack, api, lakes, began, receivers, statsd)
            for name in (
                "basic",
                "enhanced",
                "both",
                "wrong_password",
                "service_down",
                "daily",
                "forced",
                "one_time",
            ):
                running.write(name, demo_tables(SCALE))
            running.write("azure", demo_tables(SCALE), "azurite")
            yield running
            api.close()


@pytest.fixture
def page(installation: Installation) -> Iterator[Page]:
    """A page of Airflow, signed in."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(installation.stack.airflow_url)
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", installation.stack.password)
        page.click("button[type=submit]")
        page.wait_for_url("**/", timeout=60_000)
        yield page
