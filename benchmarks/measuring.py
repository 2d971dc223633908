"""Measures two jobs that do the same work: in turns, each time in a fresh process; medians are compared."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Comparison", "Job", "Measured", "compared", "measure", "median", "peak_rss_mb"]

_FEW = 100  # rows of the input that a job is warmed up with


@dataclass(frozen=True)
class Measured:
    """One job in a process of its own; imports are outside of the seconds and inside of the memory."""

    seconds: float
    cpu_seconds: float
    peak_rss_mb: float


@dataclass(frozen=True)
class Job:
    """Work that is measured.

    Attributes:
        run: The work; takes its input and an empty folder. A function of a module, as other processes import it.
        ready: What makes the input of the prepared path, in the same process and not measured; default: the path.
    """

    run: Callable[[Any, Path], object]
    ready: Callable[[Path], Any] | None = None


@dataclass(frozen=True)
class Comparison:
    """Two jobs that do the same work with one input; can be called as the `measure` of a case.

    Attributes:
        case: What is measured, for people.
        ours: Our job.
        baseline: What it is compared with, for people.
        other: The job of the baseline.
        prepare: Writes the input of so many rows below a folder, and returns its path.
        ratio_of: What the ratio compares.
    """

    case: str
    ours: Job
    baseline: str
    other: Job
    prepare: Callable[[Path, int], Path]
    ratio_of: Literal["seconds", "cpu_seconds"] = "cpu_seconds"

    def __call__(self, size: int, rounds: int) -> list[dict[str, Any]]:
        """Measure both jobs in turns, so that both meet the same noise; return one entry of the results."""
        with tempfile.TemporaryDirectory() as place:
            source = self.prepare(Path(place) / "input", size)
            pairs = [
                (measure(self.ours, source, self.prepare), measure(self.other, source, self.prepare))
                for _ in range(rounds)
            ]
        ours, other = (median([pair[side] for pair in pairs]) for side in (0, 1))
        return [compared(self.case, size, ours, self.baseline, other, rounds=rounds, ratio_of=self.ratio_of)]


def measure(job: Job, source: Path, prepare: Callable[[Path, int], Path]) -> Measured:
    """Run a job in a fresh process, after a run with few rows that imports everything.

    Args:
        job: The job.
        source: Its input, as prepared.
        prepare: As of `Comparison`; makes the few rows.
    """
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(job, source, prepare, Path(folder), sender))
        process.start()
        sender.close()
        try:
            measured: Measured = receiver.recv()
        except EOFError:
            raise RuntimeError(f"{job.run.__name__} failed; its traceback is above") from None
        finally:
            process.join()
    return measured


def _work(
    job: Job,
    source: Path,
    prepare: Callable[[Path, int], Path],
    folder: Path,
    sender: multiprocessing.connection.Connection,
) -> None:
    _timed(job, prepare(folder / "few", _FEW), folder / "warm")
    sender.send(_timed(job, source, folder / "measured"))


def _timed(job: Job, source: Path, folder: Path) -> Measured:
    folder.mkdir()
    given = job.ready(source) if job.ready else source
    wall, cpu = time.perf_counter(), time.process_time()
    job.run(given, folder)
    return Measured(
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        peak_rss_mb=peak_rss_mb(),
    )


def peak_rss_mb() -> float:
    """The most memory that this process had; what `getrusage` tells begins with that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def median(runs: Sequence[Measured]) -> Measured:
    """The median of each figure."""
    return Measured(
        *(statistics.median(values) for values in zip(*(asdict(r).values() for r in runs), strict=True))
    )


def compared(
    case: str,
    n: int,
    ours: Measured,
    baseline: str,
    other: Measured,
    *,
    rounds: int,
    ratio_of: Literal["seconds", "cpu_seconds"] = "cpu_seconds",
    **more: Any,
) -> dict[str, Any]:
    """One entry of `.bench/results.json`.

    Args:
        case: What is measured, for people.
        n: Its size, usually in rows.
        ours: Medians of our job.
        baseline: What it is compared with, for people.
        other: Medians of the baseline.
        rounds: How often each was measured.
        ratio_of: `ratio` is this figure of the baseline, divided by ours.
        more: Further fields.
    """
    return {
        "case": case,
        "n": n,
        "seconds": round(ours.seconds, 3),
        "cpu_seconds": round(ours.cpu_seconds, 3),
        "peak_rss_mb": round(ours.peak_rss_mb, 1),
        "baseline": baseline,
        "baseline_seconds": round(other.seconds, 3),
        "baseline_cpu_seconds": round(other.cpu_seconds, 3),
        "baseline_peak_rss_mb": round(other.peak_rss_mb, 1),
        "ratio": round(getattr(other, ratio_of) / max(getattr(ours, ratio_of), 1e-6), 3),
        "ratio_of": ratio_of,
        "rounds": rounds,
        **more,
    }
