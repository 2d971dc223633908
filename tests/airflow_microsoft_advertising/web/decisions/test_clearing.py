"""Which tasks are cleared after a decision. (`tests/system/test_decisions.py` clears those of real runs.)"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_microsoft_advertising.web.decisions import clearing as module
from airflow_microsoft_advertising.web.decisions.clearing import StillRunning, go_on, make_report

GROUPS = [
    {"name": "batches/1", "segments": [{"audience": "Gold"}, {"audience": "Bronze"}]},
    {"table": "Silver", "audience": "Silver"},  # as version 0.1.0 passed it on
]
RUN: Any = SimpleNamespace(dag_id="autumn", run_id="run-1")


class Dag:
    """A DAG that notes which tasks it was asked for."""

    task_dict = dict.fromkeys(("select", "segment.chunk", "segment.upload", "sizes", "publish", "report"))

    def __init__(self, state: str = "failed") -> None:
        self.asked: list[tuple[Any, bool]] = []
        self.state = state

    def clear(self, *, task_ids: Any, only_failed: bool = False, dry_run: bool, **_: Any) -> list[Any]:
        assert dry_run
        self.asked.append((task_ids, only_failed))
        return [SimpleNamespace(task_ids=task_ids, state=self.state)]


@pytest.fixture
def cleared(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    told: list[Any] = []
    monkeypatch.setattr(module, "clear_task_instances", lambda instances, *_, **__: told.extend(instances))
    monkeypatch.setattr(module, "resolve_run_on_latest_version", lambda *_: False)
    return told


def session(groups: Any) -> Any:
    """A session that finds what `select` has passed on; None: nothing."""
    row = None if groups is None else SimpleNamespace(value=groups)
    return SimpleNamespace(scalars=lambda _: SimpleNamespace(first=lambda: row))


@pytest.mark.parametrize(("audience", "index"), [("Gold", 0), ("Bronze", 0), ("Silver", 1)])
def test_the_failed_tasks_of_the_segment_and_the_report(
    cleared: list[Any], monkeypatch: pytest.MonkeyPatch, audience: str, index: int
) -> None:
    dag = Dag()
    monkeypatch.setattr(module, "_dag_of", lambda *_: dag)
    go_on(RUN, audience, session(GROUPS))
    assert dag.asked == [
        ([("segment.chunk", index), ("segment.upload", index)], True),
        (["publish", "report"], False),
    ]
    assert len(cleared) == 2


def test_a_run_of_a_release_without_events(cleared: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    dag = Dag()
    dag.task_dict = dict.fromkeys(("segment.upload", "report"))
    monkeypatch.setattr(module, "_dag_of", lambda *_: dag)
    go_on(RUN, "Gold", session(GROUPS))
    assert dag.asked[-1] == (["report"], False)


@pytest.mark.parametrize("groups", [None, [], [{"segments": []}], "s3://xcoms/select.json"])
def test_all_failed_tasks_where_it_is_not_known_which_have_the_segment(
    cleared: list[Any], monkeypatch: pytest.MonkeyPatch, groups: Any
) -> None:
    dag = Dag()
    monkeypatch.setattr(module, "_dag_of", lambda *_: dag)
    go_on(RUN, "Gold", session(groups))
    assert dag.asked[0] == (["segment.chunk", "segment.upload"], True)


def test_the_report_alone(cleared: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    dag = Dag()
    monkeypatch.setattr(module, "_dag_of", lambda *_: dag)
    make_report(RUN, session(None))
    assert dag.asked == [(["report"], False)]


def test_tasks_that_are_running_are_left_alone(cleared: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_dag_of", lambda *_: Dag("running"))
    with pytest.raises(StillRunning):
        go_on(RUN, "Gold", session(GROUPS))
    with pytest.raises(StillRunning):
        make_report(RUN, session(None))
    assert cleared == []
