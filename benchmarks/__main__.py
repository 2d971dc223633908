"""`make bench`: the data path, a lake and the simulator, beside baselines; writes `.bench/results.json`."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.lake import read_lake
from benchmarks.measuring import compare, compare_join
from benchmarks.simulator import simulate
from customer_match.project import PROJECT

SIZES = (500_000,)
LARGE = (500_000, 4_000_000)
JOINED_PROFILES = 10_000_000  # with 4,000,000 memberships
MODES = ("ErrorsOnly", "ErrorsAndResults")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large cases too")
    full = parser.parse_args().full
    sizes = LARGE if full else SIZES
    with tempfile.TemporaryDirectory() as folder:
        results = [compare(size, Path(folder)) for size in sizes]
        results += [compare_join(JOINED_PROFILES, Path(folder))] if full else []
    results += [case for size in SIZES for case in read_lake(size)]
    results += [simulate(size, mode=mode) for size in sizes for mode in MODES]
    output = PROJECT / ".bench" / "results.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(results, indent=1))
    for result in results:
        print(
            f"{result['case']}, {result['n']:,} rows: {result['seconds']} s, {result['cpu_seconds']} s of CPU, "
            f"{result['peak_rss_mb']} MB; {result['ratio']} times the baseline ({result['baseline']})"
        )


if __name__ == "__main__":
    main()
