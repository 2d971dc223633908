"""`make demo`: export three segments to three audiences, twice, and check every hash.

It writes the sample tables, starts the simulator and Airflow, runs the export, compares each audience with the members
that the plain-Python definition expects, changes one per cent of the profiles, and runs and compares again. The exit
status is 0 only if everything is exact.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich import box
from rich.console import Console
from rich.table import Table

from customer_match.runs.records import Step
from customer_match.runs.report import Outcome, SegmentReport
from customer_match_demo.airflow_api import TaskStates
from customer_match_demo.expected import Expected, expected
from customer_match_demo.lakes import DemoLake
from customer_match_demo.stack import Stack
from customer_match_demo.tables import DemoTable, churn_tables, demo_tables

__all__ = ["CHURN", "SegmentCheck", "audience_members", "check_run", "differences", "show"]

CHURN = 0.01
"""Share of the profiles that change between the two runs."""

_RUN_SECONDS = 900
_TASKS = (*Step, "upload_batch")


@dataclass(frozen=True)
class SegmentCheck:
    """One segment after a run: the run's report, and the faults of its audience."""

    report: dict[str, Any]
    faults: tuple[str, ...]


def show(folder: Path, *, lake: str = "local", scale: float = 1.0) -> bool:
    """Run the demo; return whether every audience was exact after both runs.

    Args:
        folder: Folder for all files of the demo; an earlier demo there is deleted.
        lake: `local` or `azurite`.
        scale: Share of the demo's full size.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = time.monotonic()
    tables = demo_tables(scale)
    with DemoLake.open(lake, folder) as demo_lake, ProcessPoolExecutor(1) as pool:
        console.print(
            f"Writing {sum(len(t.profiles) for t in tables):,} sample profiles to {demo_lake.title}"
        )
        demo_lake.write(tables)
        console.print("Starting the simulator of Microsoft Advertising and Airflow (about half a minute)")
        awaited = _expectations(pool, demo_lake, tables)
        with Stack(folder, settings=demo_lake.settings) as stack:
            console.print(
                f"Airflow is at {stack.airflow_url} (admin / {stack.password}),"
                f" the simulator at {stack.account['base_url']}"
            )
            runs = [_run(console, stack, awaited, demo_lake)]
            changed = churn_tables(tables, CHURN)
            console.print(f"Changing {CHURN:.0%} of the profiles: half of them leave, as many new ones join")
            demo_lake.write(changed)
            runs.append(_run(console, stack, _expectations(pool, demo_lake, changed), demo_lake))
    exact = all(not segment.faults for run in runs for segment in run)
    document = {"exact": exact, "runs": [{"segments": [s.report for s in run]} for run in runs]}
    (folder / "report.json").write_text(json.dumps(document, indent=1))
    verdict = "[green]Exact[/]: every audience holds the expected members" if exact else "[red]Not exact[/]"
    console.print(f"{verdict}. {time.monotonic() - started:.0f} s. {folder.name}/report.json has the counts.")
    return exact


def audience_members(base_url: str, audience_id: str) -> Iterator[str]:
    """Yield the members of an audience in the simulator: lower-case hex digests, sorted."""
    url = f"{base_url}/simulator/audiences/{audience_id}/members"
    with httpx.stream("GET", url, timeout=120, trust_env=False) as answer:
        answer.raise_for_status()
        yield from (line for line in answer.iter_lines() if line)


def differences(report: dict[str, Any], wanted: Expected, members: Sequence[str]) -> Iterator[str]:
    """Yield the faults of a segment: of its audience, hash by hash, and of the counts in its report."""
    missing, foreign = set(wanted.members) - set(members), set(members) - set(wanted.members)
    twice = len(members) - len(set(members))
    if missing or foreign or twice:
        yield (
            f"the audience lacks {len(missing):,} members and has {len(foreign):,} unexpected"
            f"{f', and it has {twice:,} twice' if twice else ''}"
        )
    figures = {
        "profiles": wanted.profiles,
        "valid": wanted.valid,
        "rejected": wanted.rejected,
        "duplicates": wanted.duplicates,
        "members": len(wanted.members),
    }
    for name, value in figures.items():
        if report[name] != value:
            yield f"{name}: reported {report[name]}, expected {value}"


Awaited = dict[str, "Future[Expected]"]


def _expectations(pool: ProcessPoolExecutor, lake: DemoLake, tables: Sequence[DemoTable]) -> Awaited:
    """Compute the expected audiences in another process, while the run goes on."""
    return {t.table: pool.submit(expected, lake.path(t), filesystem=lake.filesystem) for t in tables}


def _run(console: Console, stack: Stack, awaited: Awaited, lake: DemoLake) -> list[SegmentCheck]:
    export, api = lake.export, stack.api()
    api.wait_for_dag(export.name)
    run_id = api.trigger(export.name)
    with console.status("Waiting for the scheduler") as status:
        state = api.wait_for_run(
            export.name,
            run_id,
            seconds=_RUN_SECONDS,
            progress=lambda states: status.update(_progress(states)),
        )
    if state != "success":
        console.print(
            f"[red]The run ended as {state}[/]; task states: {api.task_states(export.name, run_id)}"
        )
    report = lake.report(run_id).model_dump(mode="json")
    checked = check_run(stack, report["segments"], awaited)
    _print(console, checked)
    return checked


def check_run(stack: Stack, segments: Sequence[dict[str, Any]], awaited: Awaited) -> list[SegmentCheck]:
    """Compare each expected segment with its audience; a segment missing in the report is a fault."""
    answer = httpx.get(f"{stack.account['base_url']}/simulator/audiences", trust_env=False)
    audiences = {audience["name"]: audience["id"] for audience in answer.raise_for_status().json()}
    reports = {segment["segment"]: segment for segment in segments}
    return [_check(stack, table, reports, wanted.result(), audiences) for table, wanted in awaited.items()]


def _check(
    stack: Stack,
    table: str,
    reports: Mapping[str, dict[str, Any]],
    wanted: Expected,
    audiences: Mapping[str, str],
) -> SegmentCheck:
    report = reports.get(table)
    if report is None:
        nothing = SegmentReport(segment=table, audience=table, outcome=Outcome.FAILED)
        return SegmentCheck(nothing.model_dump(mode="json"), (f"the run's report lacks the segment {table}",))
    audience_id = audiences.get(report["audience"])
    if audience_id is None:
        return SegmentCheck(report, ("the audience does not exist",))
    members = list(audience_members(stack.account["base_url"], audience_id))
    return SegmentCheck(report, tuple(differences(report, wanted, members)))


def _progress(states: TaskStates) -> str:
    segments = sorted({name for step in _TASKS for name in states.get(f"segment.{step}", {})})
    lines = []
    for segment in segments:
        steps = [(step, states.get(f"segment.{step}", {}).get(segment, "")) for step in _TASKS]
        lines.append(f"{segment}: " + ", ".join(f"{step} {state}" for step, state in steps if state))
    return "\n".join(lines) or "Waiting for the scheduler"


_COLUMNS = ("profiles", "valid", "rejected", "duplicates", "members", "added", "removed", "parts", "seconds")


def _print(console: Console, checked: Sequence[SegmentCheck]) -> None:
    table = Table("audience", *_COLUMNS, "check", box=box.SIMPLE_HEAD)
    for column in table.columns[1:-1]:
        column.justify = "right"
    table.columns[0].no_wrap = True
    for segment in checked:
        verdict = "[red]wrong" if segment.faults else "[green]exact"
        table.add_row(
            segment.report["audience"], *(_cell(segment.report[column]) for column in _COLUMNS), verdict
        )
    console.print(table)
    for segment in checked:
        reasons = (f"{reason.replace('_', ' ')} {n:,}" for reason, n in segment.report["rejected"].items())
        console.print(f"  {segment.report['audience']}, rejected: {', '.join(reasons)}")
        for fault in segment.faults:
            console.print(f"  [red]{segment.report['audience']}: {fault}")


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        value = sum(value.values())
    if value is None:
        return "–"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
