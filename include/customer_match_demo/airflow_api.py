"""Airflow's public REST API, as far as the demo and the system tests need it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

__all__ = ["AirflowApi", "TaskStates"]

TaskStates = dict[str, dict[str, str]]
"""State by task and by the name of the mapped segment ("" where it is not mapped)."""

_ENDED = {"success", "failed"}
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds between tries
_PAGE = 100  # Airflow gives no more in one answer ([api] maximum_page_limit)


class AirflowApi:
    """Talks to a local api-server as its administrator.

    Args:
        base_url: Of the api-server.
        password: Of the user `admin`.
    """

    def __init__(self, base_url: str, password: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30, trust_env=False)
        answer = self._asked("POST", "/auth/token", json={"username": "admin", "password": password})
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """GET below /api/v2, as JSON."""
        return self._json(self._asked("GET", f"/api/v2{path}", params=params))

    def post(self, path: str, body: Any) -> Any:
        """POST below /api/v2, as JSON."""
        return self._json(self._posted(path, body))

    def wait_for_dag(self, dag_id: str, seconds: float = 120) -> None:
        """Wait until a DAG has been parsed.

        Raises:
            TimeoutError: It is not there; the message has the import errors.
        """
        deadline = time.monotonic() + seconds
        while self._asked("GET", f"/api/v2/dags/{dag_id}").status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Airflow has no DAG {dag_id}: {self.get('/importErrors')}")
            time.sleep(0.5)

    def trigger(self, dag_id: str, due: datetime | None = None, **conf: Any) -> str:
        """Start a run by hand, as if it had been due at another time than now; returns its id."""
        run_id = f"by_hand_{datetime.now(UTC):%Y%m%dT%H%M%S_%f}"
        body: dict[str, Any] = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        if due:
            body["run_after"] = due.isoformat()
        answer = self._posted(f"/dags/{dag_id}/dagRuns", body)
        if answer.status_code != httpx.codes.CONFLICT:  # an earlier try came through after all
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
        """Wait until a run has ended; returns `success` or `failed`.

        Raises:
            TimeoutError: It goes on for longer.
        """
        deadline = time.monotonic() + seconds
        while True:
            state: str = self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            progress(self.task_states(dag_id, run_id))
            if state in _ENDED:
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"{dag_id} {run_id} still is {state}: {self.task_states(dag_id, run_id)}")
            time.sleep(1)

    def task_states(self, dag_id: str, run_id: str) -> TaskStates:
        """The state of each task of a run, by the name of its segment."""
        states: TaskStates = {}
        for instance in self.instances(dag_id, run_id):
            name = instance.get("rendered_map_index") or _index(instance)
            states.setdefault(instance["task_id"], {})[name] = instance["state"] or "none"
        return states

    def log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1) -> str:
        """The log of one try of a task, as text."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.get(path, map_index=map_index, full_content=True)["content"]
        return "\n".join(line if isinstance(line, str) else str(line.get("event")) for line in content)

    def instances(self, dag_id: str, run_id: str) -> Iterator[dict[str, Any]]:
        """The task instances of a run, as Airflow tells of them."""
        path, seen = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", 0
        while True:
            answer = self.get(path, limit=_PAGE, offset=seen, order_by="id")
            yield from answer["task_instances"]
            seen += len(answer["task_instances"])
            if seen >= answer["total_entries"] or not answer["task_instances"]:
                return

    def _posted(self, path: str, body: Any) -> httpx.Response:
        return self._asked("POST", f"/api/v2{path}", json=body)

    def _asked(self, method: str, path: str, **values: Any) -> httpx.Response:
        """Asked again where the database was busy: SQLite takes one writer at a time, and the scheduler writes much.

        Airflow then answers 500 ("Database error") or 503 ("Database is locked"; observed: 3.3.2 under load). Where
        the api-server is away for a moment, what cannot have been done yet is asked again too.
        """
        for pause in _PAUSES:
            try:
                answer = self._http.request(method, path, **values)
            except httpx.TransportError as error:
                if method != "GET" and not isinstance(error, httpx.ConnectError):
                    raise
            else:
                if not answer.is_server_error:
                    return answer
            time.sleep(pause)
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
