"""The registry of cases, and the command that measures them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks.output.goals import Goal, field
from benchmarks.output.machine import describe_machine
from benchmarks.registry import CASES, Case, chosen

FIELDS = {"case", "n", "seconds", "cpu_seconds", "peak_rss_mb", "baseline", "baseline_seconds", "ratio"}


def test_names_are_unique_and_every_case_has_a_size() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert [case.name for case in CASES if not (case.sizes or case.large)] == []


def test_cases_are_chosen_by_name_or_by_its_first_words() -> None:
    assert chosen([]) == list(CASES)
    assert [case.name for case in chosen(["many-segments"])] == ["many-segments"]
    assert {case.name.partition("-")[0] for case in chosen(["stage"])} == {"stage"}
    with pytest.raises(ValueError, match=r"no case 'stag'.*data-path"):
        chosen(["stag"])


def test_large_sizes_are_measured_only_if_asked_for() -> None:
    case = Case("a", lambda *_: [], sizes=(1, 2), large=(30,), rounds=5, large_rounds=1)
    assert case.plan(full=False) == [(1, 5), (2, 5)]
    assert case.plan(full=True) == [(1, 5), (2, 5), (30, 1)]
    assert case.plan(full=True, rounds=2) == [(1, 2), (2, 2), (30, 2)]


def measure(size: int, rounds: int) -> list[dict[str, Any]]:
    return [dict.fromkeys(FIELDS, 1) | {"n": size, "case": f"of {size}", "rounds": rounds}]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    cases = (Case("small", measure, sizes=(10,), large=(20,)), Case("other", measure, sizes=(30,), rounds=5))
    monkeypatch.setattr(command, "FOLDER", tmp_path / ".bench")
    monkeypatch.setattr(command, "CASES", cases)
    monkeypatch.setattr("benchmarks.registry.CASES", cases)
    goals = [Goal("small", None, "rounds", field("rounds"), "at most", 3)]
    monkeypatch.setattr("benchmarks.output.goals.GOALS", goals)

    def run(*arguments: str, status: int = 0) -> list[dict[str, Any]]:
        monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])
        with pytest.raises(SystemExit) as ended:
            command.main()
        assert ended.value.code == status
        written: list[dict[str, Any]] = json.loads((tmp_path / ".bench" / "results.json").read_text())
        return written

    return run


def test_results_are_a_list_with_the_fields_of_the_contract(run: Any) -> None:
    written = run()
    assert [(one["name"], one["n"], one["rounds"]) for one in written] == [("small", 10, 3), ("other", 30, 5)]
    assert all(one.keys() >= FIELDS for one in written)
    written = run("--full", "--only", "small", "--rounds", "1")
    assert [(one["name"], one["n"], one["rounds"]) for one in written] == [
        ("small", 10, 1),
        ("other", 30, 5),
        ("small", 20, 1),
    ]


def test_the_status_tells_whether_goals_are_reached(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run("--check", "--rounds", "3")
    run("--check", "--rounds", "4", status=1)
    assert "FALLS SHORT" in capsys.readouterr().out
    run("--check", "--stored", "--only", "other")
    run("--rounds", "4")


def test_a_case_that_fails_does_not_stop_the_others(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(size: int, rounds: int) -> list[dict[str, Any]]:
        raise TimeoutError("it took too long")

    cases = (Case("broken", fail, sizes=(7,)), Case("small", measure, sizes=(10,)))
    monkeypatch.setattr("benchmarks.registry.CASES", cases)
    assert [one["name"] for one in run(status=1)] == ["small"]
    assert "FAILED: broken, 7: it took too long" in capsys.readouterr().out


def test_a_list_and_an_unknown_name_measure_nothing(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "--list"])
    command.main()
    assert capsys.readouterr().out.splitlines()[0].split() == ["small", "10;", "FULL=1:", "20"]
    monkeypatch.setattr("sys.argv", ["benchmarks", "--only", "nothing"])
    with pytest.raises(SystemExit, match="no case 'nothing'"):
        command.main()
    assert not (tmp_path / ".bench").exists()


def test_the_machine_is_described_without_names_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    described = describe_machine()
    assert {"processor", "cores", "memory", "Python", "pyarrow", "polars"} <= described.keys()
    assert all(described.values())
    import platform

    assert platform.node() not in " ".join(described.values())
