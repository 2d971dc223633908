"""One stack of docker-compose.yaml for all tests here, with the profiles `demo` and `monitoring`, and its exports."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adlfs
import fsspec
import httpx
import pytest
import yaml
from fsspec.implementations.local import LocalFileSystem

from customer_match.runs.report import RunReport
from customer_match.safe_names import slug
from customer_match_demo.airflow_api import AirflowApi
from customer_match_demo.expected import expected
from customer_match_demo.lakes import DEMO_EXPORT
from customer_match_demo.show import audience_members, differences
from customer_match_demo.stack import ACCOUNT_CONNECTION, account_connection
from customer_match_demo.tables import demo_tables, write_tables
from tests.compose import dated
from tests.compose.stack import Stack, make_project

SCALE = 0.02
AZURE_EXPORT = "azure"
# The account of every new Azurite, as its documentation gives it.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass
class Installation:
    """The stack, and what the tests ask of it.

    Attributes:
        stack: The services.
        api: Airflow's REST API, as its first user.
        lakes: File system and folder of each export's lake and workspace.
    """

    stack: Stack
    api: AirflowApi
    lakes: Mapping[str, tuple[fsspec.AbstractFileSystem, str]]

    def run(self, export: str) -> str:
        """Trigger a run and wait for it; return its id."""
        run_id = self.api.trigger(export)
        state = self.api.wait_for_run(export, run_id)
        assert state == "success", self.api.task_states(export, run_id)
        return run_id

    def report(self, export: str, run_id: str) -> RunReport:
        """Read the report of a run from the workspace."""
        filesystem, root = self.lakes[export]
        filesystem.invalidate_cache()
        path = f"{root}/workspace/runs/{slug(export)}/{slug(run_id)}/report.json"
        return RunReport.model_validate_json(filesystem.cat_file(path))

    def members(self, audience: str) -> list[str]:
        """Return what an audience holds, sorted; nothing if there is no such audience."""
        base_url = self.stack.url("simulator")
        found = httpx.get(f"{base_url}/simulator/audiences", trust_env=False).raise_for_status().json()
        ids = [one["id"] for one in found if one["name"] == audience]
        return list(audience_members(base_url, ids[0])) if ids else []

    def faults(self, export: str, run_id: str) -> list[str]:
        """Compare the audiences of a run with the expected members, hash by hash; return what is wrong."""
        filesystem, root = self.lakes[export]
        found = []
        for segment in self.report(export, run_id).segments:
            wanted = expected(f"{root}/lake/{segment.segment}", filesystem=filesystem)
            members = self.members(segment.audience)
            found += list(differences(segment.model_dump(mode="json"), wanted, members))
        return found


def _azurite_settings(url: str) -> str:
    parts = {
        "DefaultEndpointsProtocol": "http",
        "AccountName": AZURITE_ACCOUNT,
        "AccountKey": AZURITE_KEY,
        "BlobEndpoint": f"{url}/{AZURITE_ACCOUNT}",
    }
    return "".join(f"{name}={value};" for name, value in parts.items())


def _write_exports(folder: Path) -> None:
    """Beside the demo's export: the same on Azure storage, and those of the backfills."""
    demo = yaml.safe_load(DEMO_EXPORT.read_text(encoding="utf-8"))
    segments = [one | {"audience": f"azure {one['table']}"} for one in demo["segments"]]
    places = {
        name: {"connection": "lake", "root": f"abfs://lake/{path}"}
        for name, path in (("source", "lake"), ("workspace", "workspace"))
    }
    azure = demo | {"name": AZURE_EXPORT, "title": "Azure", "segments": segments, **places}
    (folder / f"{AZURE_EXPORT}.yaml").write_text(yaml.safe_dump(azure))
    for name in dated.EXPORTS:
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(demo | dated.changes(name)))


def _account(stack: Stack) -> dict[str, str]:
    """The account that the simulator prints, as `docker compose logs simulator` shows it."""
    [line] = [
        one for one in stack.containers["simulator"].log.read_text().splitlines() if one.startswith("{")
    ]
    return {**json.loads(line), "base_url": "http://simulator:8470"}


def _save_connections(api: AirflowApi, stack: Stack) -> None:
    connections: dict[str, dict[str, Any]] = {
        ACCOUNT_CONNECTION: account_connection(_account(stack)),
        "lake": {
            "conn_type": "wasb",
            "login": AZURITE_ACCOUNT,
            "extra": {"connection_string": _azurite_settings("http://azurite:10000")},
        },
    }
    for name, values in connections.items():
        extra = json.dumps(values["extra"])
        assert api.create("/connections", values | {"connection_id": name, "extra": extra})


class Metrics(threading.Thread):
    """In place of the StatsD exporter: receives what Airflow sends to it, and keeps the names."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.names: set[str] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("", 9125))

    def run(self) -> None:
        while True:
            packet = self._socket.recv(65_536).decode()
            self.names |= {re.split("[,:]", line)[0] for line in packet.splitlines()}


@pytest.fixture(scope="session")
def metrics() -> Metrics:
    """Receives from the moment that Airflow starts."""
    receiver = Metrics()
    receiver.start()
    return receiver


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, metrics: Metrics) -> Iterator[Stack]:
    if os.getpid() != 1:
        pytest.fail("not in namespaces of its own: run `make compose-test`")
    folder = tmp_path_factory.mktemp("compose")
    project = make_project(folder / "project")
    _write_exports(project / "include" / "exports")
    with (project / ".env").open("a") as settings:
        settings.write("STATSD_ON=True\n")
    stack = Stack.of(project, folder, {"demo", "monitoring"})
    try:
        stack.up()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def installation(stack: Stack) -> Iterator[Installation]:
    password = (stack.project / "secrets" / "admin_password").read_text()
    api = AirflowApi(stack.url("api-server"), password)
    azure = adlfs.AzureBlobFileSystem(connection_string=_azurite_settings(stack.url("azurite")))
    azure.mkdir("lake")
    write_tables("lake/lake", demo_tables(SCALE), azure)
    volume = str(stack.folder / "volumes" / "demo")
    lakes = {"demo": (LocalFileSystem(), volume), AZURE_EXPORT: (azure, "lake")}
    lakes |= dict.fromkeys(dated.EXPORTS, (azure, "lake"))
    for name in dated.EXPORTS:
        dated.write_tables(f"lake/{name}", azure)
    _save_connections(api, stack)
    for name in lakes:
        api.wait_for_dag(name)
        api.patch(f"/dags/{name}", {"is_paused": False})
    yield Installation(stack, api, lakes)
    api.close()
