"""CPU time and memory of the programs of a cluster, and the figures of its runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil

__all__ = ["RunFigures", "cpu_seconds", "descendants", "memory", "save", "table"]

Processes = Iterable[psutil.Process]


@dataclass(frozen=True)
class RunFigures:
    """What one run took.

    Attributes:
        workers: Number of workers.
        seconds: From the moment that the run was triggered to its end.
        cpu_seconds: CPU time by program.
        connections: Maximum number of connections to the database, the one that counts them excluded.
        database_mb: By how much the database grew, in MB.
        workspace_mb: By how much the workspace grew, in MB.
    """

    workers: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    connections: int
    database_mb: float
    workspace_mb: float


def descendants(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants; empty if it has ended."""
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(processes: Processes) -> float:
    """Return the CPU time of a program's processes, those that have ended included."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory(processes: Processes) -> float:
    """Return the memory of a program's processes in MB; shared pages count in proportion (PSS)."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / 1e6


def table(figures: Sequence[RunFigures], idle_memory: Mapping[str, float]) -> str:
    """Return medians by number of workers, beside each other, as text."""
    by_count: dict[int, list[RunFigures]] = {}
    for run in figures:
        by_count.setdefault(run.workers, []).append(run)
    rows: list[tuple[str, Callable[[RunFigures], float]]] = [
        ("wall, s", lambda run: run.seconds),
        ("CPU, s", lambda run: sum(run.cpu_seconds.values())),
        *((f"  {name}", lambda run, name=name: run.cpu_seconds[name]) for name in figures[0].cpu_seconds),  # type: ignore[misc]
        ("connections", lambda run: run.connections),
        ("database, + MB", lambda run: run.database_mb),
        ("workspace, + MB", lambda run: run.workspace_mb),
    ]
    head = f"{'medians':18}" + "".join(f"{f'{count} worker(s)':>14}" for count in by_count)
    lines = [
        f"{name:18}" + "".join(f"{median(map(of, runs)):14.1f}" for runs in by_count.values())
        for name, of in rows
    ]
    rounds = ", ".join(f"{len(runs)} run(s) with {count}" for count, runs in by_count.items())
    idle = ", ".join(f"{name} {size:.0f}" for name, size in idle_memory.items())
    return "\n".join([head, *lines, rounds, f"memory when idle with one worker, MB (PSS): {idle}"])


def save(path: Path, figures: Sequence[RunFigures], idle_memory: Mapping[str, float]) -> None:
    """Write all figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"runs": [asdict(run) for run in figures], "idle_memory_mb": dict(idle_memory)}
    path.write_text(json.dumps(document, indent=1))
