"""What a real Airflow costs: an export of many small segments, and one of a large segment, beside `customer-match run`.

`python -m benchmarks.airflow_cost many --segments 20` and `… one` measure one of them and print it as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Literal

from benchmarks.measuring import Measured, compared, median
from benchmarks.output.results import completed
from benchmarks.under_airflow.runs import AirflowRuns, Run
from customer_match_demo.tables import DemoTable
from customer_match_sample_lake.people import Profiles

__all__ = ["many_segments", "one_segment"]

IDLE_SECONDS = 20.0
_WARM_UP = "warm_up"


def many_segments(segments: int, rounds: int, profiles: int = 1_000) -> list[dict[str, Any]]:
    """One entry of the results: an export of many small segments, from the trigger to the end of the run.

    Args:
        segments: Tables of the export.
        rounds: How often the command and the DAG run, in turns, each time with new audiences.
        profiles: Rows of each table.
    """
    tables = [
        DemoTable(f"Segment{number:04}", Profiles.first(profiles, start=number * profiles))
        for number in range(segments)
    ]
    case = f"an export of segments of {profiles:,} profiles under Airflow"
    return [_compare(case, segments, tables, rounds, "seconds")]


def one_segment(profiles: int, rounds: int) -> list[dict[str, Any]]:
    """One entry of the results: an export of one segment, from the trigger until its ledger is committed."""
    tables = [DemoTable("Segment", Profiles.first(profiles))]
    case = "an export of one segment under Airflow, until the ledger is committed"
    return [_compare(case, profiles, tables, rounds, "ledger_seconds")]


def _compare(
    case: str,
    size: int,
    tables: Sequence[DemoTable],
    rounds: int,
    seconds: Literal["seconds", "ledger_seconds"],
) -> dict[str, Any]:
    pairs = [(f"command_{number}", f"dag_{number}") for number in range(rounds)]
    exports = {_WARM_UP: tables[:1], **dict.fromkeys((name for pair in pairs for name in pair), tables)}
    with AirflowRuns.open(exports) as airflow:
        airflow.dag(_WARM_UP)  # the first run compiles modules, and fills caches of Airflow's
        idle = airflow.idle_cpu(IDLE_SECONDS)
        runs = [(airflow.command(command), airflow.dag(dag)) for command, dag in pairs]
    commands, dags = [pair[0] for pair in runs], [pair[1] for pair in runs]
    ours, command = _measured(dags, seconds), _measured(commands, seconds)
    above_idle = statistics.median(run.cpu_seconds - idle * run.seconds for run in dags)
    middle = sorted(dags, key=lambda run: run.seconds)[rounds // 2]
    return compared(
        case,
        size,
        ours,
        "customer-match run",
        command,
        rounds=rounds,
        run_seconds=_median(run.seconds for run in dags),
        work_seconds=_median(run.work_seconds for run in dags),
        idle_cpu_per_second=round(idle, 3),
        cpu_seconds_above_idle=round(above_idle, 3),
        cpu_above_idle_times_baseline=round(above_idle / command.cpu_seconds, 3),
        simulator_cpu_seconds=_median(run.simulator_cpu_seconds for run in dags),
        tasks=[asdict(task) for task in middle.tasks],  # of the run that took the median time
    )


def _measured(runs: Sequence[Run], seconds: Literal["seconds", "ledger_seconds"]) -> Measured:
    return median([Measured(getattr(run, seconds), run.cpu_seconds, run.peak_rss_mb) for run in runs])


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
        results = many_segments(wanted.segments, wanted.rounds, wanted.profiles or 1_000)
    else:
        results = one_segment(wanted.profiles or 500_000, wanted.rounds)
    print(json.dumps([completed(result, wanted.case) for result in results], indent=1))


if __name__ == "__main__":
    main()
