"""What a real Airflow costs: an export of many small segments, and one of a large segment, beside `customer-match run`.

`python -m benchmarks.airflow_cost many --segments 20` and `… one` measure one of them and print it as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

from benchmarks.airflow_runs import AirflowRuns, Run
from customer_match_demo.tables import DemoTable
from customer_match_sample_lake.people import Profiles

__all__ = ["many_segments", "one_segment"]

IDLE_SECONDS = 20.0
_WARM_UP = "warm_up"


def many_segments(segments: int, profiles: int = 1_000, *, rounds: int = 3) -> dict[str, object]:
    """One case of `.bench/results.json`: an export of many small segments; its ratio is one of CPU.

    Args:
        segments: Tables of the export.
        profiles: Rows of each.
        rounds: The command and the DAG run in turns, so often, each time with new audiences.
    """
    tables = [
        DemoTable(f"Segment{number:04}", Profiles.first(profiles, start=number * profiles))
        for number in range(segments)
    ]
    case = f"an export of {segments:,} segments of {profiles:,} profiles under Airflow"
    result = _compare(case, segments, tables, rounds)
    return {**result, "cpu_seconds_per_segment": round(float(str(result["cpu_seconds"])) / segments, 3)}


def one_segment(profiles: int = 500_000, *, rounds: int = 3) -> dict[str, object]:
    """One case of `.bench/results.json`: an export of one segment; `seconds` end when its ledger is committed."""
    tables = [DemoTable("Segment", Profiles.first(profiles))]
    case = "an export of one segment under Airflow, until the ledger is committed"
    return _compare(case, profiles, tables, rounds, seconds=lambda run: run.ledger_seconds)


def _compare(
    case: str,
    size: int,
    tables: Sequence[DemoTable],
    rounds: int,
    *,
    seconds: Callable[[Run], float] = lambda run: run.seconds,
) -> dict[str, object]:
    pairs = [(f"command_{number}", f"dag_{number}") for number in range(rounds)]
    names = [_WARM_UP, *(name for pair in pairs for name in pair)]
    with AirflowRuns.open(tables, names) as airflow:
        airflow.dag(_WARM_UP)  # the first run compiles modules, and fills caches of Airflow's
        idle = airflow.idle_cpu(IDLE_SECONDS)
        runs = [(airflow.command(command), airflow.dag(dag)) for command, dag in pairs]
    commands, dags = [pair[0] for pair in runs], [pair[1] for pair in runs]
    cpu = _median(run.cpu_seconds for run in dags)
    command_cpu = _median(run.cpu_seconds for run in commands)
    above_idle = _median(run.cpu_seconds - idle * run.seconds for run in dags)
    middle = sorted(dags, key=seconds)[rounds // 2]
    return {
        "case": case,
        "n": size,
        "seconds": _median(map(seconds, dags)),
        "cpu_seconds": cpu,
        "peak_rss_mb": _median(run.peak_rss_mb for run in dags),
        "baseline": "customer-match run",
        "baseline_seconds": _median(map(seconds, commands)),
        "baseline_cpu_seconds": command_cpu,
        "baseline_peak_rss_mb": _median(run.peak_rss_mb for run in commands),
        "ratio": round(cpu / command_cpu, 2),
        "ratio_above_idle": round(above_idle / command_cpu, 2),
        "run_seconds": _median(run.seconds for run in dags),
        "cpu_seconds_above_idle": round(above_idle, 3),
        "idle_cpu_per_second": round(idle, 3),
        "simulator_cpu_seconds": _median(run.simulator_cpu_seconds for run in dags),
        "rounds": rounds,
        "tasks": [asdict(task) for task in middle.tasks],  # of the round that took the median time
    }


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 3)


def main() -> None:
    """Measure one case and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=["many", "one"])
    parser.add_argument("--segments", type=int, default=20, help="of `many`")
    parser.add_argument(
        "--profiles", type=int, help="of each segment; default: 1,000 of many, 500,000 of one"
    )
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if wanted.case == "many":
        result = many_segments(wanted.segments, wanted.profiles or 1_000, rounds=wanted.rounds)
    else:
        result = one_segment(wanted.profiles or 500_000, rounds=wanted.rounds)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
