"""`make bench`: measures all cases beside their baselines, writes `.bench/results.json`, compares it with the goals."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.output.goals import check, verdict_line
from benchmarks.output.machine import describe_machine
from benchmarks.output.profile import profile, profile_table
from benchmarks.output.results import completed, keep, load, one_line
from benchmarks.registry import CASES, Case, chosen
from customer_match.project import PROJECT

FOLDER = PROJECT / ".bench"


def main() -> None:
    """Measure, print, write and compare; status 1 tells that a case failed or a goal is not reached."""
    wanted = _parser().parse_args()
    if wanted.list:
        print("\n".join(_line(case) for case in CASES))
        return
    try:
        cases = chosen(wanted.only)
    except ValueError as error:
        sys.exit(str(error))
    failed = False
    if not wanted.stored:
        failed = not _measure(cases, FOLDER / "results.json", full=wanted.full, rounds=wanted.rounds)
    if wanted.report:
        from benchmarks.output.report import write_report

        machine = json.loads((FOLDER / "machine.json").read_text(encoding="utf-8"))
        write_report(PROJECT / "docs", load(FOLDER / "results.json"), machine)
    if wanted.check:
        names = {case.name for case in cases}
        verdicts = check([result for result in load(FOLDER / "results.json") if result["name"] in names])
        print("\n".join(verdict_line(verdict) for verdict in verdicts if verdict.goal.name in names))
        failed = failed or any(verdict.met is False for verdict in verdicts)
    sys.exit(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large sizes too")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this case; repeatable"
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="rounds of each case, instead of its own number"
    )
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--check", action="store_true", help="exit with status 1 if a goal is not reached")
    parser.add_argument("--report", action="store_true", help="write docs/performance.md and its pictures")
    parser.add_argument("--stored", action="store_true", help="measure nothing: take what is stored")
    return parser


def _line(case: Case) -> str:
    usual = ", ".join(f"{size:,}" for size in case.sizes)
    large = ", ".join(f"{size:,}" for size in case.large)
    return f"{case.name:24}{'; '.join(filter(None, (usual, large and f'FULL=1: {large}')))}"


def _measure(cases: list[Case], path: Path, *, full: bool, rounds: int | None) -> bool:
    """Measure, print and keep each result at once, so that an interrupted run loses nothing.

    Returns:
        Whether all cases could be measured; one that fails does not stop the others.
    """
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "machine.json").write_text(json.dumps(describe_machine(), indent=1), encoding="utf-8")
    complete = True
    for case in cases:
        for size, times in case.plan(full=full, rounds=rounds):
            try:
                results = [completed(result, case.name) for result in case.measure(size, times)]
            except (RuntimeError, OSError) as error:  # a TimeoutError is an OSError
                complete = False
                print(f"FAILED: {case.name}, {size:,}: {error}", flush=True)
                continue
            keep(path, results)
            print("\n".join(map(one_line, results)), flush=True)
    _print_profiles(cases, load(path))
    return complete


def _print_profiles(cases: list[Case], results: list[dict[str, Any]]) -> None:
    stages = {case.name for case in cases if case.name.startswith("stage-")}
    sizes = {result["n"] for result in results if result["name"] in stages}
    for size in sorted(sizes):
        if shares := profile(results, size):
            print(f"Profile of {size:,} rows:", *profile_table(shares), sep="\n")


if __name__ == "__main__":
    main()
