"""Measures each case and its baseline in processes of their own, in turns, and compares medians."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.cases import JOBS
from benchmarks.joining import write_join
from customer_match_demo.tables import DemoTable, write_table
from customer_match_sample_lake.people import Profiles

__all__ = ["Measured", "compare", "compare_join", "measure", "median", "peak_rss_mb"]

ROUNDS = 3


@dataclass(frozen=True)
class Measured:
    """One job in a process of its own; imports are outside of the seconds and inside of the memory."""

    seconds: float
    cpu_seconds: float
    peak_rss_mb: float


def measure(job: str, table: Path) -> Measured:
    """Run a job in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(job, table, Path(folder), sender))
        process.start()
        sender.close()
        measured: Measured = receiver.recv()
        process.join()
    return measured


def _work(job: str, table: Path, folder: Path, sender: multiprocessing.connection.Connection) -> None:
    _warm_up(job, folder)
    wall, cpu = time.perf_counter(), time.process_time()
    JOBS[job](table, folder)
    measured = Measured(
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        peak_rss_mb=peak_rss_mb(),
    )
    sender.send(measured)


def peak_rss_mb() -> float:
    """The most memory that this process had; what `getrusage` tells begins with that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _warm_up(job: str, folder: Path) -> None:
    """Import everything, on a table of a few rows."""
    joins = job.startswith("join")
    few = DemoTable("few", Profiles.first(100))
    table = write_join(folder / "few", 100) if joins else Path(write_table(str(folder / "few"), few))
    (folder / "warm").mkdir()
    JOBS[job](table, folder / "warm")


def compare_join(profiles: int, folder: Path) -> dict[str, object]:
    """One case of `.bench/results.json`: a segment of ids, joined to so many profiles; one round each."""
    tables = write_join(folder / "join", profiles)
    ours, baseline = measure("join", tables), measure("join in memory", tables)
    return {
        "case": f"join {profiles * 2 // 5:,} memberships with profiles, and stage the members",
        "n": profiles,
        **{name: round(value, 3) for name, value in asdict(ours).items()},
        "baseline": "polars, in memory",
        "baseline_seconds": round(baseline.seconds, 3),
        "baseline_cpu_seconds": round(baseline.cpu_seconds, 3),
        "baseline_peak_rss_mb": round(baseline.peak_rss_mb, 1),
        "ratio": round(baseline.cpu_seconds / ours.cpu_seconds, 1),
    }


def compare(size: int, folder: Path) -> dict[str, object]:
    """One case of `.bench/results.json`."""
    table = Path(write_table(str(folder / str(size)), DemoTable("t", Profiles.first(size), files=2)))
    rounds = [(measure("engine", table), measure("sdk", table)) for _ in range(ROUNDS)]
    ours, baseline = (median([pair[side] for pair in rounds]) for side in (0, 1))
    return {
        "case": "normalise, chunk and write upload files",
        "n": size,
        **{name: round(value, 3) for name, value in asdict(ours).items()},
        "baseline": "hashlib + bingads BulkFileWriter + zipfile",
        "baseline_seconds": round(baseline.seconds, 3),
        "baseline_cpu_seconds": round(baseline.cpu_seconds, 3),
        "baseline_peak_rss_mb": round(baseline.peak_rss_mb, 1),
        "ratio": round(baseline.cpu_seconds / ours.cpu_seconds, 1),
    }


def median(runs: list[Measured]) -> Measured:
    """The median of each figure."""
    return Measured(
        *(statistics.median(values) for values in zip(*(asdict(r).values() for r in runs), strict=True))
    )
