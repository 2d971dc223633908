"""What runs under a real Airflow leave behind, with its masking off and on: files, logs, database, pages."""

from __future__ import annotations

import json
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from customer_match_demo.airflow_api import AirflowApi
from customer_match_demo.stack import Stack
from tests.alert_receivers import Mail, mail_server, web_server
from tests.privacy.lake import CANARY, ENCRYPTED, FAULTY, CanaryLake, write_lake
from tests.privacy.leftovers import leftovers
from tests.privacy.test_command import KEY, MEMBERS

pytestmark = pytest.mark.system

EXPORTS = (
    *("customer-lists", "dataverse", "suppression"),
    *(name for name in FAULTY if name != "refused"),
    *ENCRYPTED,
)
WEBHOOK_SECRET = "zq-webhook-secret-9071"
DATABASE = {
    f"airflow/airflow.db: {column}"
    for column in (
        "xcom.value",
        "rendered_task_instance_fields.rendered_fields",
        "serialized_dag.data",
        "dag_run.conf",
        "dag_run_note.content",
        "asset.uri",
        "asset_event.extra",
        "asset_state_store.value",
        "log.extra",
    )
}
"""Where Airflow keeps what tasks and pages make."""
ECHO = {"message": f"{CANARY}.echo@example.com"}


@dataclass(frozen=True)
class Left:
    """All that is left once Airflow has ended.

    Attributes:
        lake: The lake, with its workspace.
        stack: Folder of Airflow, its logs and its database.
        shown: What pages and alerts have shown, by name.
        fernet_key: Airflow's key.
        states: How each run ended.
    """

    lake: CanaryLake
    stack: Path
    shown: dict[str, str]
    fernet_key: bytes
    states: dict[str, str]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("False", id="unmasked"),
        pytest.param("True", id="masked", marks=pytest.mark.lengthy),
    ],
)
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("canaries")
    lake = write_lake(folder / "lake", [WEBHOOK_SECRET, KEY])
    (folder / "stack" / "tmp").mkdir(parents=True)
    with mail_server() as mail, web_server() as web:
        settings = {
            "CUSTOMER_MATCH_EXPORTS": str(lake.exports),
            "TMPDIR": str(folder / "stack" / "tmp"),
            "AIRFLOW__CORE__HIDE_SENSITIVE_VAR_CONN_FIELDS": request.param,
            "AIRFLOW_VAR_CUSTOMER_MATCH_WORKSPACE_SECRET": KEY,
            "AIRFLOW_CONN_MAIL": mail.connection,
            "AIRFLOW_CONN_WEB": web.connection(password=WEBHOOK_SECRET),
        }
        stack = Stack(folder / "stack", settings=settings)
        with stack:
            api = stack.api()
            states = _run_all(api, stack)
            shown = _pages(stack, api)
            secrets = [stack.account[key] for key in ("client_secret", "refresh_token", "developer_token")]
            api.close()
        shown |= {f"mail {number}": _text(one) for number, one in enumerate(mail.mails)}
        shown |= {f"webhook {number}": json.dumps(body) for number, (_, body) in enumerate(web.posts)}
    lake.needles.words |= set(secrets)
    config = ConfigParser(interpolation=None)
    config.read(folder / "stack" / "airflow" / "airflow.cfg")
    return Left(lake, folder / "stack", shown, config["core"]["fernet_key"].encode(), states)


def _run_all(api: AirflowApi, stack: Stack) -> dict[str, str]:
    """Run all exports; the last time, the service answers with an address."""
    base = stack.account["base_url"]
    httpx.post(
        f"{base}/simulator/settings", json={"queue_seconds": 0, "processing_seconds": 0}, trust_env=False
    )
    runs = {}
    for name in EXPORTS:
        api.wait_for_dag(name)
        runs[name] = api.trigger(name)
    states = {name: api.wait_for_run(name, run) for name, run in runs.items()}
    rule = {"operation": "*", "kind": "raw", "status": 400, "body": json.dumps(ECHO), "times": None}
    httpx.post(f"{base}/simulator/faults", json=rule, trust_env=False).raise_for_status()
    states["echo"] = api.wait_for_run("customer-lists", api.trigger("customer-lists", full=True))
    return states


def _pages(stack: Stack, api: AirflowApi) -> dict[str, str]:
    """Our own pages, and what Airflow's pages get of the runs."""
    own = ["/exports", "/connections"]
    own += [f"/exports/{name}{more}" for name in EXPORTS for more in ("", "/audit", "/erasures", "/ledgers")]
    shown = {}
    with httpx.Client(base_url=stack.airflow_url, timeout=60, trust_env=False) as client:
        user = {"username": "admin", "password": stack.password}
        token = client.post("/auth/token", json=user).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        for name in EXPORTS:
            runs = api.get(f"/dags/{name}/dagRuns")["dag_runs"]
            own += [f"/reports/{name}/{run['dag_run_id']}" for run in runs]
            shown[f"dag {name}"] = json.dumps(api.get(f"/dags/{name}/details"))
            for run in runs:
                shown[f"tasks {name} {run['dag_run_id']}"] = json.dumps(
                    list(api.instances(name, run["dag_run_id"]))
                )
        for path in own:
            answer = client.get(f"/customer-match{path}")
            assert answer.status_code == 200, (path, answer.text)
            shown[path] = answer.text
    shown["import errors"] = json.dumps(api.get("/importErrors"))
    return shown


def _text(mail: Mail) -> str:
    return f"{mail.subject}\n{mail.html}"


def test_the_runs_did_their_work(left: Left) -> None:
    """Some are to succeed and some to fail, so that all kinds of output are there."""
    good = {"customer-lists", "dataverse", "suppression", "encrypted"}
    assert {name for name, state in left.states.items() if state == "success"} >= good
    assert {"broken", "guarded", "echo"} <= {name for name, state in left.states.items() if state == "failed"}
    assert any(name.startswith("mail") for name in left.shown)
    assert any(name.startswith("webhook") for name in left.shown)


def test_no_address_no_digest_and_no_secret_is_left_behind(left: Left) -> None:
    texts = leftovers(left.stack, left.fernet_key)
    assert set(texts) >= DATABASE
    assert "customer-lists" in texts["airflow/airflow.db: serialized_dag.data"], "unpacked"
    found = left.lake.needles.found_in(texts)
    assert {name: needles for name, needles in found.items() if not _is_of_the_service(name)} == {}
    found = left.lake.needles.found_in(leftovers(left.lake.workspace))
    assert {name: needles for name, needles in found.items() if not MEMBERS.match(name)} == {}


def test_no_digest_can_be_read_in_an_encrypted_workspace(left: Left) -> None:
    files = leftovers(left.lake.encrypted)
    assert {name.split("/")[0] for name in files if MEMBERS.match(name)} == {"ledgers", "staged"}
    assert left.lake.needles.found_in(files) == {}


def test_no_address_no_digest_and_no_secret_is_shown(left: Left) -> None:
    assert left.lake.needles.found_in(left.shown) == {}


def _is_of_the_service(name: str) -> bool:
    """The simulator holds members and secrets, as the real service does, and prints its account when it starts."""
    return name.startswith(("simulator/", "logs/simulator.log"))


def test_nothing_temporary_is_left_behind(left: Left) -> None:
    assert [one for one in (left.stack / "tmp").rglob("*") if "customer" in one.name] == []
