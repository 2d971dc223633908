"""The parts of Airflow's public REST API that the demo and the system tests need."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

__all__ = ["AirflowApi", "TaskStates", "is_healthy"]

TaskStates = dict[str, dict[str, str]]
"""State by task and by the name of the mapped segment ("" for tasks that are not mapped)."""

_END_STATES = {"success", "failed"}
_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds between tries
_PAGE = 100  # the most that Airflow returns in one answer ([api] maximum_page_limit)


def is_healthy(base_url: str) -> bool:
    """Return whether all parts of an Airflow report that they are healthy; False if it cannot be reached."""
    try:
        answer = httpx.get(f"{base_url}/api/v2/monitor/health", timeout=5, trust_env=False)
        parts = answer.json()
    except (httpx.HTTPError, ValueError):
        return False
    needed = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    return answer.is_success and all((parts.get(part) or {}).get("status") == "healthy" for part in needed)


class AirflowApi:
    """Client for a local api-server, signed in as its administrator.

    Args:
        base_url: URL of the api-server.
        password: Password of the user `admin`.
    """

    def __init__(self, base_url: str, password: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30, trust_env=False)
        answer = self._request("POST", "/auth/token", json={"username": "admin", "password": password})
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Send a GET below /api/v2; return the JSON."""
        return self._json(self._request("GET", f"/api/v2{path}", params=params))

    def post(self, path: str, body: Any) -> Any:
        """Send a POST below /api/v2; return the JSON."""
        return self._json(self._post(path, body))

    def patch(self, path: str, body: Any) -> Any:
        """Send a PATCH below /api/v2; return the JSON."""
        return self._json(self._request("PATCH", f"/api/v2{path}", json=body))

    def create(self, path: str, body: Any) -> bool:
        """Send a POST below /api/v2; return whether something was created, which is not so if it already exists."""
        answer = self._post(path, body)
        if answer.status_code == httpx.codes.CONFLICT:
            return False
        self._json(answer)
        return True

    def wait_for_dag(self, dag_id: str, seconds: float = 120) -> None:
        """Wait until a DAG has been parsed.

        Raises:
            TimeoutError: The DAG does not exist; the message has the import errors.
        """
        deadline = time.monotonic() + seconds
        while self._request("GET", f"/api/v2/dags/{dag_id}").status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Airflow has no DAG {dag_id}: {self.get('/importErrors')}")
            time.sleep(0.5)

    def trigger(self, dag_id: str, due: datetime | None = None, **conf: Any) -> str:
        """Trigger a run manually, optionally as if it were due at another time; return its id."""
        run_id = f"by_hand_{datetime.now(UTC):%Y%m%dT%H%M%S_%f}"
        body: dict[str, Any] = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        if due:
            body["run_after"] = due.isoformat()
        answer = self._post(f"/dags/{dag_id}/dagRuns", body)
        if answer.status_code != httpx.codes.CONFLICT:  # an earlier try was successful after all
            self._json(answer)
        return run_id

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        seconds: float = 600,
        progress: Callable[[TaskStates], None] = lambda _: None,
    ) -> str:
        """Wait until a run ends; return `success` or `failed`.

        Raises:
            TimeoutError: The run takes longer.
        """
        deadline = time.monotonic() + seconds
        while True:
            state: str = self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            progress(self.task_states(dag_id, run_id))
            if state in _END_STATES:
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"{dag_id} {run_id} is still {state}: {self.task_states(dag_id, run_id)}")
            time.sleep(1)

    def task_states(self, dag_id: str, run_id: str) -> TaskStates:
        """Return the state of each task of a run, by the name of its segment."""
        states: TaskStates = {}
        for instance in self.instances(dag_id, run_id):
            name = instance.get("rendered_map_index") or _index(instance)
            states.setdefault(instance["task_id"], {})[name] = instance["state"] or "none"
        return states

    def log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1) -> str:
        """Return the log of one try of a task, as text."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.get(path, map_index=map_index, full_content=True)["content"]
        return "\n".join(line if isinstance(line, str) else str(line.get("event")) for line in content)

    def instances(self, dag_id: str, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield the task instances of a run, as Airflow describes them."""
        path, seen = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", 0
        while True:
            answer = self.get(path, limit=_PAGE, offset=seen, order_by="id")
            yield from answer["task_instances"]
            seen += len(answer["task_instances"])
            if seen >= answer["total_entries"] or not answer["task_instances"]:
                return

    def _post(self, path: str, body: Any) -> httpx.Response:
        return self._request("POST", f"/api/v2{path}", json=body)

    def _request(self, method: str, path: str, **values: Any) -> httpx.Response:
        """Send a request; retry if the database is busy, as SQLite allows one writer and the scheduler writes often.

        Airflow then answers 500 ("Database error") or 503 ("Database is locked"; observed: 3.3.2 under load). If the
        api-server cannot be reached for a moment, requests that cannot have been processed are retried too.
        """
        for wait in _WAITS:
            try:
                answer = self._http.request(method, path, **values)
            except httpx.TransportError as error:
                if method != "GET" and not isinstance(error, httpx.ConnectError):
                    raise
            else:
                if not answer.is_server_error:
                    return answer
            time.sleep(wait)
        return self._http.request(method, path, **values)

    @staticmethod
    def _json(answer: httpx.Response) -> Any:
        if answer.is_error:
            raise RuntimeError(
                f"Airflow answered {answer.status_code} to {answer.request.url}: {answer.text[:500]}"
            )
        return answer.json()


def _index(instance: dict[str, Any]) -> str:
    return "" if instance["map_index"] < 0 else str(instance["map_index"])
