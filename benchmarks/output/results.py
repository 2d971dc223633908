"""`.bench/results.json`: a list with one entry for each case and size, and the machine beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Result", "completed", "keep", "load", "one_line"]

Result = Mapping[str, Any]
"""An entry: {case, n, seconds, cpu_seconds, peak_rss_mb, baseline, baseline_seconds, ratio} and further fields."""


def completed(result: Result, name: str) -> dict[str, Any]:
    """Return an entry with the fields that follow from its others, and with its case's name.

    `cpu_times_baseline` and `seconds_times_baseline` are ours divided by the baseline's; `ratio` is the other way
    round.
    """
    added: dict[str, Any] = {"name": name, "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M}"}
    for figure, words in (("cpu_seconds", "cpu"), ("seconds", "seconds")):
        other = result.get(f"baseline_{figure}")
        if other:
            added[f"{words}_times_baseline"] = round(result[figure] / other, 3)
    return {**result, **added}


def load(path: Path) -> list[dict[str, Any]]:
    """Read the results; none if there is no file."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return found


def keep(path: Path, results: Iterable[Result]) -> None:
    """Write results into the file; those of other cases and sizes stay."""
    kept = {_key(result): result for result in [*load(path), *results]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(list(kept.values()), indent=1), encoding="utf-8")


def _key(result: Result) -> tuple[str, str, int]:
    return result["name"], result["case"], result["n"]


def one_line(result: Result) -> str:
    """An entry for a terminal."""
    line = (
        f"{result['case']}, {result['n']:,}: {result['seconds']} s, {result['cpu_seconds']} s of CPU, "
        f"{result['peak_rss_mb']:,.0f} MB"
    )
    beside = _beside(result)
    return f"{line}; {beside} {result['baseline']}" if beside else line


def _beside(result: Result) -> str:
    figures: Sequence[tuple[str, str]] = (("cpu_times_baseline", "CPU"), ("seconds_times_baseline", "time"))
    found = [f"{result[field]:.2f} × the {words}" for field, words in figures if field in result]
    return f"{' and '.join(found)} of" if found else ""
