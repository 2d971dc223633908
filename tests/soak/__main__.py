"""`make soak`: runs with random churn and random faults; exit status 0 only if everything was exact.

`--seed` repeats a soak that failed: the seed chooses all events, but not their exact time.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from customer_match.project import PROJECT
from customer_match_demo.stack import airflow_environment
from tests.soak.playing import soak

_FOLDER = PROJECT / ".soak"


def main() -> int:
    """Read the options, run the soak, and print the summary."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="number of runs (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=600, help="maximum duration in seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=None, help="seed that chooses all events; default: random"
    )
    parser.add_argument("--workspace", choices=("local", "azurite"), default="local")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="folder for all files of the soak")
    options = parser.parse_args()
    started = time.monotonic()
    seed = random.randrange(10_000) if options.seed is None else options.seed
    _prepare_airflow(options.folder / "airflow")
    world = options.folder / "world"
    shutil.rmtree(world, ignore_errors=True)
    print(f"Seed {seed}, {options.runs} runs, at most {options.seconds:.0f} s", flush=True)
    summary = soak(
        seed,
        options.runs,
        world,
        seconds=options.seconds - (time.monotonic() - started),
        storage=options.workspace,
        tell=lambda line: print(line, flush=True),
    )
    print(f"\n{summary}")
    return 0 if summary.exact else 1


def _prepare_airflow(home: Path) -> None:
    """Set up a separate Airflow for this process and its children; its database stores renewed tokens."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ.update(airflow_environment(home))
    if not (home / "migrated").exists():
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        (home / "migrated").touch()


if __name__ == "__main__":
    sys.exit(main())
