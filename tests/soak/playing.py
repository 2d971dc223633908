"""Run a soak: round after round, with a check of the bounds after each, and one undisturbed run at the end."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.soak.plan import FAULTS, Round, Start, rounds, segments
from tests.soak.processes import RunProcess, load, start_run
from tests.soak.world import EXPORT, World

__all__ = ["Summary", "soak"]

_RUN_SECONDS = 180.0
_RESERVE_SECONDS = 30.0  # for the round that is running when time is up, and the last run
_DELIVERED = frozenset({"delivered", "unchanged"})


@dataclass
class Summary:
    """The result of a soak.

    Attributes:
        seed: The seed that repeats it.
        planned: Number of planned runs.
        runs: Number of runs, including the last undisturbed one.
        good: Runs that succeeded without help.
        faults: How often each fault occurred.
        kills: Processes that were killed or stopped, by kind.
        tricks: Changes by users and disks, by kind.
        requests: Calls that the service received.
        seconds: Total duration.
        wrong: Conditions that did not hold; empty if all did.
    """

    seed: int
    planned: int
    segments: tuple[str, ...] = ()
    runs: int = 0
    good: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    tricks: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether all conditions held, to the end."""
        return not self.wrong

    def __str__(self) -> str:
        def counts(counter: Counter[str]) -> str:
            return (
                ", ".join(f"{name}: {number}" for name, number in sorted(counter.items()) if number) or "none"
            )

        lines = [
            f"seed      {self.seed}",
            f"segments  {', '.join(self.segments)}",
            f"runs      {self.runs} ({self.planned} planned, and a last one), {self.good} of them good",
            f"faults    {self.faults.total()} ({counts(self.faults)})",
            f"kills     {counts(self.kills)}",
            f"by hand   {counts(self.tricks)}",
            f"requests  {self.requests:,}",
            f"seconds   {self.seconds:.0f}",
            f"exact     {'yes' if self.exact else 'no'}",
            *self.wrong,
        ]
        return "\n".join(lines)


def soak(
    seed: int,
    runs: int,
    folder: Path,
    *,
    seconds: float = 600.0,
    storage: str = "local",
    tell: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Run a soak.

    Args:
        seed: Chooses all events.
        runs: Number of runs; one more, undisturbed, ends the soak.
        folder: Folder for all files.
        seconds: Total duration; no round starts in the last half minute.
        storage: Storage of the workspace: `local` or `azurite`.
        tell: Called with a line for each round.
    """
    summary = Summary(seed, runs, segments(seed))
    started = time.monotonic()
    with World(folder, summary.segments, storage) as world:
        load(folder / "loading")
        for number, one in enumerate(rounds(seed, runs)):
            if summary.wrong or time.monotonic() - started > seconds - _RESERVE_SECONDS:
                break
            ends = _RoundRunner(world, one, number, summary).run()
            tell(f"{time.monotonic() - started:5.0f} s  round {number}: {_describe(one)} -> {ends}")
        if not summary.runs:
            summary.wrong.append("there was no time for a single run")
        if not summary.wrong:
            _last(world, summary)
        summary.requests = world.requests
    summary.seconds = time.monotonic() - started
    return summary


def _describe(one: Round) -> str:
    words = [*one.faults, *([str(one.trick.kind)] if one.trick else [])]
    words += ["service killed"] if one.service_killed_after is not None else []
    words += [
        " ".join(("batch" if run.in_batch else "run", *run.arguments))
        for run in one.runs
        if run.arguments or run.in_batch
    ]
    return f"{one.keys['route']}, {', '.join(words) or 'nothing'}"


def _last(world: World, summary: Summary) -> None:
    """Run once undisturbed, after which everything must be exact."""
    world.wait_until_quiet()
    run = start_run(
        ["run", EXPORT, "--ignore-guards", "--json"], world.settings, world.folder / "runs" / "last"
    )
    status = run.wait(_RUN_SECONDS)
    world.wait_until_quiet()
    summary.runs += 1
    summary.good += status == 0
    if status != 0:
        summary.wrong.append(f"the last run ended with {status}: {run.log}")
    for name in world.segments:
        summary.wrong += world.audience_errors(name)


@dataclass
class _StartedRun:
    start: Start
    run: RunProcess
    arguments: list[str]
    folder: Path
    killed: bool = False
    retried: bool = False
    status: int | None = None

    @property
    def retry_due(self) -> bool:
        """Whether it is a killed batch that has not been retried yet."""
        return self.killed and self.start.in_batch and not self.retried


class _RoundRunner:
    """Runs one round."""

    def __init__(self, world: World, one: Round, number: int, summary: Summary) -> None:
        self._world = world
        self._round = one
        self._number = number
        self._summary = summary
        self._given: dict[int, str] = {}

    def run(self) -> list[str]:
        """Run the round; return how its runs ended."""
        self._prepare()
        started = self._runs()
        self._note_faults()
        self._world.wait_until_quiet()
        self._check(started)
        return [self._describe(one) for one in started]

    def _prepare(self) -> None:
        world, one = self._world, self._round
        world.change_tables(one)
        world.export(one.keys)
        if one.trick and world.apply(one.trick):
            self._summary.tricks[one.trick.kind] += 1
        if self._number % 3 == 0:
            world.keep_copies()
        for place, name in enumerate(one.faults):
            seed = 100 * self._number + place
            world.fault(FAULTS[name], seed)
            self._given[seed] = name

    def _runs(self) -> list[_StartedRun]:
        """Start the runs, kill some of them, and wait until all have ended."""
        began, waiting, started = time.monotonic(), list(self._round.runs), []
        kill_service = self._round.service_killed_after
        while waiting or any(one.run.running or one.retry_due for one in started):
            now = time.monotonic() - began
            if waiting and waiting[0].after <= now:
                started.append(self._start(waiting.pop(0), len(started)))
            if kill_service is not None and kill_service <= now:
                self._note_faults()
                self._world.kill_service()
                self._summary.kills["service"] += 1
                kill_service = None
            for one in started:
                self._kill(one)
                self._retry(one)
            if now > _RUN_SECONDS:
                break
            time.sleep(0.01)
        for one in started:
            one.status = one.run.wait(0.5)
            if one.status is None:
                self._summary.wrong.append(f"a run did not end: {one.run.log}")
            self._summary.good += one.status == 0
        self._summary.runs += len(started)
        return started

    def _start(self, start: Start, place: int) -> _StartedRun:
        folder = self._world.folder / "runs" / f"{self._number:03d}-{place}"
        arguments = ["run", EXPORT, "--ignore-guards", "--json", *start.arguments]
        if start.in_batch:
            date = [] if "--date" in start.arguments else ["--date", datetime.now(UTC).isoformat()]
            arguments = ["batch", EXPORT, f"{self._number:03d}-{place}", *date, *start.arguments]
        return _StartedRun(start, start_run(arguments, self._world.settings, folder), arguments, folder)

    def _retry(self, one: _StartedRun) -> None:
        """Start a killed batch again, as Airflow does: it continues where it stopped."""
        if one.retry_due and not one.run.running:
            one.retried = True
            one.run = start_run(one.arguments, self._world.settings, one.folder / "retry")

    def _kill(self, one: _StartedRun) -> None:
        moment = one.start.killed_after
        if one.killed or moment is None or one.run.seconds < moment or not one.run.running:
            return
        one.killed = True
        one.run.send(signal.SIGINT if one.start.interrupted else signal.SIGKILL)
        self._summary.kills["run stopped" if one.start.interrupted else "run"] += 1

    def _note_faults(self) -> None:
        """Count how often each fault occurred, while the service still knows."""
        left = {rule["seed"]: rule["times"] for rule in self._world.faults_left()}
        for seed, name in self._given.items():
            times = FAULTS[name].get("times", 1)
            assert isinstance(times, int)
            self._summary.faults[name] += times - left.get(seed, 0)
        self._given = {}

    def _check(self, started: list[_StartedRun]) -> None:
        wrong = self._world.bound_violations()
        if all(one.status == 0 for one in started):
            outcomes = [report for one in started for report in _segments(one.run.output)]
            for name in self._world.segments:
                found = {report["outcome"] for report in outcomes if report["audience"] == name}
                if found & _DELIVERED and not found - _DELIVERED - {"skipped"}:
                    wrong += self._world.audience_errors(name)
        self._summary.wrong += [f"round {self._number}: {fault}" for fault in wrong]

    def _describe(self, one: _StartedRun) -> str:
        if not one.killed:
            return f"status {one.status}"
        end = "stopped" if one.start.interrupted else "killed"
        return f"{end}, then status {one.status}" if one.retried else end


def _segments(output: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(output.read_text())["segments"]
    return found
