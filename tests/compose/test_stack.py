"""docker-compose.yaml without Docker: each service's command, environment, user, mounts and health check as written."""

from __future__ import annotations

import contextlib
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.compose.conftest import AZURE_EXPORT, Installation, Metrics
from tests.compose.images import LACKING
from tests.compose.reading import read
from tests.compose.stack import Stack

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1_800)]


def test_all_services_run_but_those_that_have_no_program_here(stack: Stack) -> None:
    whole = read(stack.project, {"demo", "monitoring"})
    assert {whole[name].image.rpartition(":")[0] for name in set(whole) - set(stack.services)} == LACKING
    ended = {name for name, container in stack.containers.items() if not container.running}
    assert ended == {name for name, service in stack.services.items() if service.restart == "no"}


def test_the_image_is_built_as_the_dockerfile_says_but_for_the_installations(stack: Stack) -> None:
    assert [step.partition(" ")[0] for step in stack.left_out] == ["pip", "uv"]


def test_nothing_is_root_or_may_become_it(stack: Stack) -> None:
    for name, container in stack.containers.items():
        for process in container.processes() if container.running else []:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            status = dict(line.split(":	", 1) for line in lines)
            assert 0 not in {int(uid) for uid in status["Uid"].split()}, (name, process.cmdline())
            assert (status["CapEff"], status["CapBnd"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")


def test_everything_that_listens_listens_where_the_file_says(stack: Stack) -> None:
    for name, container in stack.containers.items():
        if container.running:
            ports = {(port.protocol, port.number) for port in stack.services[name].ports}
            found = container.listening()
            assert {(protocol, port) for protocol, port, _ in found} == ports, name
            local = {port for _, port, address in found if address in ("127.0.0.1", "::1")}
            assert not local, f"{name} cannot be reached on {local}"


def test_no_secret_is_in_an_environment_or_a_command(stack: Stack) -> None:
    secrets = {path.name: path.read_text() for path in (stack.project / "secrets").iterdir()}
    for name, container in stack.containers.items():
        for process in container.processes() if container.running else []:
            shown = " ".join([*process.environ().values(), *process.cmdline()])
            assert [secret for secret, value in secrets.items() if value in shown] == [], name


def test_the_demo_runs_on_the_shared_volume(installation: Installation) -> None:
    run_id = installation.run("demo")
    assert installation.faults("demo", run_id) == []


@pytest.fixture(scope="module")
def azure_run(installation: Installation) -> str:
    return installation.run(AZURE_EXPORT)


def test_an_export_runs_on_azure_storage(installation: Installation, azure_run: str) -> None:
    assert installation.faults(AZURE_EXPORT, azure_run) == []


def test_the_pages_show_the_log_of_a_task_of_a_worker(installation: Installation, azure_run: str) -> None:
    log = installation.api.log(AZURE_EXPORT, azure_run, "select")
    assert "HighValueCustomers" in log
    assert "Could not read served logs" not in log


@pytest.mark.usefixtures("azure_run")
def test_airflow_sends_its_metrics_to_the_exporter(metrics: Metrics) -> None:
    assert {"airflow.scheduler_heartbeat", "airflow.customer_match.runs"} <= metrics.names


def test_prometheus_knows_the_exporter_and_the_rules(stack: Stack) -> None:
    base_url = stack.url("prometheus")
    targets = httpx.get(f"{base_url}/api/v1/targets", trust_env=False).json()["data"]["activeTargets"]
    assert [one["scrapeUrl"] for one in targets] == ["http://statsd-exporter:9102/metrics"]
    groups = httpx.get(f"{base_url}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}


@pytest.mark.parametrize("name", ["redis", "postgres", "api-server", "scheduler", "worker"])
def test_a_service_that_hangs_is_not_healthy(stack: Stack, name: str) -> None:
    container = stack.containers[name]
    assert stack.is_healthy(name)
    processes = container.processes()
    for process in processes:
        process.suspend()
    try:
        assert not stack.is_healthy(name)
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
