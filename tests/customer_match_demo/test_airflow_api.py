"""The client for Airflow's REST API, against a fake server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from customer_match_demo import airflow_api
from customer_match_demo.airflow_api import AirflowApi, is_healthy

PAGE = 100  # the most that Airflow returns in one answer (documented: [api] maximum_page_limit)


class FakeAirflow(BaseHTTPRequestHandler):
    """Answers with the values that tests set in its class attributes."""

    instances: list[dict[str, Any]]
    states: list[str]
    posted: list[tuple[str, Any]]
    post_statuses: list[int]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/token":
            right = body == {"username": "admin", "password": "right"}
            self._answer({"access_token": "token"} if right else {"detail": "no"}, 201 if right else 401)
            return
        self.posted.append((self.path, body))
        self._answer(
            {"dag_run_id": body["dag_run_id"]}, self.post_statuses.pop(0) if self.post_statuses else 200
        )

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer token":
            self._answer({"detail": "who are you?"}, 401)
            return
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        match url.path.removeprefix("/api/v2").split("/")[1:]:
            case ["dags", "there"]:
                self._answer({"dag_id": "there"})
            case ["dags", "there", "dagRuns", "r"]:
                self._answer({"state": self.states.pop(0) if len(self.states) > 1 else self.states[0]})
            case ["dags", "there", "dagRuns", "r", "taskInstances"]:
                start = int(query.get("offset", 0))
                page = self.instances[start : start + min(PAGE, int(query["limit"]))]
                self._answer({"task_instances": page, "total_entries": len(self.instances)})
            case ["dags", "there", "dagRuns", "r", "taskInstances", "t", "logs", number]:
                self._answer({"content": ["plain", {"event": f"try {number} of {query['map_index']}"}]})
            case ["importErrors"]:
                self._answer({"import_errors": ["a comma is missing"]})
            case _:
                self._answer({"detail": "not found"}, 404)

    def _answer(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    FakeAirflow.instances, FakeAirflow.states, FakeAirflow.posted = [], ["success"], []
    FakeAirflow.post_statuses = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeAirflow)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowApi]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    api = AirflowApi(url, "right")
    yield api
    api.close()


def instance(task: str, state: str | None, index: int = -1, name: str | None = None) -> dict[str, Any]:
    return {"task_id": task, "state": state, "map_index": index, "rendered_map_index": name}


def test_a_run_by_hand_is_triggered(api: AirflowApi) -> None:
    run_id = api.trigger("there", dry_run=True)
    [(path, body)] = FakeAirflow.posted
    assert path == "/api/v2/dags/there/dagRuns"
    assert body == {"dag_run_id": run_id, "logical_date": None, "conf": {"dry_run": True}}
    assert api.trigger("there") != run_id


@pytest.mark.parametrize("statuses", [[500], [500, 503], [500, 409]])
def test_requests_to_a_busy_database_are_retried(
    api: AirflowApi, monkeypatch: pytest.MonkeyPatch, statuses: list[int]
) -> None:
    monkeypatch.setattr(airflow_api, "_WAITS", (0.0, 0.0))
    FakeAirflow.post_statuses = list(statuses)
    run_id = api.trigger("there")
    assert {body["dag_run_id"] for _, body in FakeAirflow.posted} == {run_id}  # the same run each time
    assert len(FakeAirflow.posted) == (2 if 409 in statuses else len(statuses) + 1)


def test_a_database_that_stays_busy_raises(api: AirflowApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "_WAITS", (0.0, 0.0))
    FakeAirflow.post_statuses = [500] * 9
    with pytest.raises(RuntimeError, match="500"):
        api.trigger("there")
    assert len(FakeAirflow.posted) == 3


def test_every_post_is_retried(api: AirflowApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "_WAITS", (0.0,))
    FakeAirflow.post_statuses = [503]
    assert api.post("/backfills", {"dag_run_id": "x"}) == {"dag_run_id": "x"}
    assert [path for path, _ in FakeAirflow.posted] == ["/api/v2/backfills"] * 2


def test_a_run_is_awaited(api: AirflowApi) -> None:
    FakeAirflow.states = ["queued", "running", "failed"]
    FakeAirflow.instances = [instance("t", "running")]
    seen: list[Any] = []
    assert api.wait_for_run("there", "r", progress=seen.append) == "failed"
    assert seen == [{"t": {"": "running"}}] * 3


def test_a_run_that_takes_too_long_times_out(api: AirflowApi) -> None:
    FakeAirflow.states = ["running"]
    with pytest.raises(TimeoutError, match="is still running"):
        api.wait_for_run("there", "r", seconds=0)


def test_waiting_for_a_dag_ends_or_times_out(api: AirflowApi) -> None:
    api.wait_for_dag("there")
    with pytest.raises(TimeoutError, match="a comma is missing"):
        api.wait_for_dag("elsewhere", seconds=0)


def test_states_by_task_and_segment(api: AirflowApi) -> None:
    FakeAirflow.instances = [
        instance("select", "success"),
        instance("segment.upload", "deferred", 0, "VIPs"),
        instance("segment.upload", None, 1),
    ]
    assert api.task_states("there", "r") == {
        "select": {"": "success"},
        "segment.upload": {"VIPs": "deferred", "1": "none"},
    }


def test_states_of_more_tasks_than_one_answer_holds(api: AirflowApi) -> None:
    FakeAirflow.instances = [instance("t", "success", index) for index in range(2 * PAGE + 5)]
    assert len(api.task_states("there", "r")["t"]) == 2 * PAGE + 5


def test_a_log_is_returned_as_text(api: AirflowApi) -> None:
    assert api.log("there", "r", "t", map_index=2, try_number=3) == "plain\ntry 3 of 2"


def test_an_error_names_the_request(api: AirflowApi) -> None:
    with pytest.raises(RuntimeError, match=r"404 to .*/api/v2/nowhere.*not found"):
        api.get("/nowhere")


def test_a_wrong_password_raises(url: str) -> None:
    with pytest.raises(Exception, match="401"):
        AirflowApi(url, "wrong")


def test_an_airflow_that_is_not_there_is_not_healthy() -> None:
    assert not is_healthy("http://127.0.0.1:9")
