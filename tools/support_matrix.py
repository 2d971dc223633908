"""`make test-matrix`: the fast tests on each supported version of Python, of the dependencies and of Airflow.

Each row is an environment of its own in `.matrix/<row>/`, with its log and result. `--report` writes docs/support.md of
the stored results: what was run, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from xml.etree import ElementTree as ET

__all__ = ["ROWS", "Result", "Row", "main", "pinned", "report"]

_ROOT: Final = Path(__file__).resolve().parent.parent
_FOLDER: Final = _ROOT / ".matrix"
_RAN: Final = (0, 1)
"""Exit codes of pytest after it has run tests."""
SHOWN: Final = (
    "apache-airflow", "adlfs", "fsspec", "httpx", "msal", "numpy", "pandas", "polars", "pyarrow", "pydantic"
)  # fmt: skip
"""The dependencies whose versions the report shows."""


@dataclass(frozen=True)
class Row:
    """One environment.

    Attributes:
        name: Its name.
        python: Version of Python.
        dependencies: The lock; or the lowest or highest versions that pyproject.toml allows.
        airflow: A file that requires another version of Airflow than requirements.in does; None without one.
    """

    name: str
    python: str
    dependencies: Literal["lock", "lowest", "highest"]
    airflow: str | None = None


ROWS: Final = (
    Row("python-3.11", "3.11", "lock"),
    Row("python-3.12", "3.12", "lock"),
    Row("python-3.13", "3.13", "lock"),
    Row("lowest", "3.11", "lowest"),
    Row("highest", "3.13", "highest"),
    Row("airflow-3.4", "3.12", "highest", "tests/installed/airflow_3_4.in"),
)


@dataclass(frozen=True)
class Result:
    """What the tests of a row showed.

    Attributes:
        row: Its name.
        python: The exact version of Python.
        dependencies: As in the row.
        versions: The installed versions of `SHOWN`.
        passed: Number of tests.
        skipped: Number of tests.
        failed: Ids of the tests that failed or had errors.
        day: When they ran, in UTC.
    """

    row: str
    python: str
    dependencies: str
    versions: dict[str, str]
    passed: int
    skipped: int
    failed: list[str]
    day: str


def pinned(requirements: str, lock: str, *, without: Sequence[str] = ()) -> str:
    """Return the packages that a requirements file names, at the versions of a lock.

    The tools of the tests are the same in all rows, so that a failure is one of the product or of a dependency.
    """
    versions = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))
    names = [match[0].lower() for match in re.finditer(r"^[\w.-]+", requirements, re.MULTILINE)]
    return "".join(f"{name}=={versions[name]}\n" for name in names if name not in without)


def run(row: Row, tests: str, workers: int) -> Result:
    """Make the environment of a row, if it is not there, and run the fast tests in it.

    Args:
        row: The row.
        tests: Which tests are fast, as a pytest expression of markers.
        workers: Number of processes.
    """
    folder = _FOLDER / row.name
    folder.mkdir(parents=True, exist_ok=True)
    python = _environment(row, folder)
    results = folder / "tests.xml"
    results.unlink(missing_ok=True)
    log = folder / "tests.log"
    with log.open("w") as out:
        done = subprocess.run(
            [
                *(str(python), "-m", "pytest", "-q", "-m", f"({tests}) and not lock", "-n", str(workers)),
                *(f"--junit-xml={results}", "-o", f"cache_dir={folder / 'cache'}"),
            ],
            cwd=_ROOT,
            env={**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode not in _RAN or not results.exists():
        raise SystemExit(f"The tests of {row.name} did not run. See {log}")
    passed, skipped, failed = _counts(results)
    version, versions = _versions(python)
    result = Result(
        row.name,
        version,
        row.dependencies,
        versions,
        passed,
        skipped,
        failed,
        f"{datetime.now(UTC):%Y-%m-%d}",
    )
    (folder / "result.json").write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    return result


def _environment(row: Row, folder: Path) -> Path:
    python, lock, note = folder / "venv" / "bin" / "python", folder / "requirements.txt", folder / "installed"
    wanted = _requirements(row, folder)
    if not python.exists() or not note.exists() or note.read_text(encoding="utf-8") != wanted:
        note.unlink(missing_ok=True)
        lock.write_text(wanted, encoding="utf-8")
        _uv("venv", "--clear", "--python", _interpreter(row.python), str(folder / "venv"))
        _uv("pip", "install", "--python", str(python), "-r", str(lock))
        _uv("pip", "install", "--python", str(python), "--no-deps", "-e", str(_ROOT))
        for built in (_ROOT / "include").glob(
            "*.egg-info"
        ):  # on PYTHONPATH a second description of the plugin
            for file in built.iterdir():
                file.unlink()
            built.rmdir()
        note.write_text(wanted, encoding="utf-8")
    return python


def _requirements(row: Row, folder: Path) -> str:
    """The exact versions to install."""
    lock = (_ROOT / "requirements.txt").read_text(encoding="utf-8")
    named = (_ROOT / "requirements.in").read_text(encoding="utf-8")
    uv = f"uv=={_uv('--version').split()[1]}\n"
    if row.dependencies == "lock":
        return lock + uv
    if row.dependencies == "lowest":
        named = pinned(named, lock, without=("apache-airflow",))
    elif row.airflow:
        named = re.sub(r"(?m)^apache-airflow[<>=].*$", "", named)
    tools, compiled = folder / "tools.in", folder / "compiled.txt"
    tools.write_text(f"{named}\n{uv}", encoding="utf-8")
    inputs = [_ROOT / "pyproject.toml", tools, *([_ROOT / row.airflow] if row.airflow else [])]
    _uv(
        *("pip", "compile", *map(str, inputs), "--all-extras", "--python-version", row.python),
        *("--resolution", "lowest-direct" if row.dependencies == "lowest" else "highest"),
        *(
            "--prerelease=if-necessary-or-explicit",
            "--no-annotate",
            "--no-header",
            "--upgrade",
            "-o",
            str(compiled),
        ),
    )
    return compiled.read_text(encoding="utf-8")


def _interpreter(version: str) -> str:
    """The newest interpreter of a version: of uv's choice, or of pyenv."""
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(found[-1]) if found else version


def _uv(*arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("uv")), "--quiet", *arguments]
    if arguments == ("--version",):
        command.remove("--quiet")
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"uv {' '.join(arguments[:2])} failed:\n{done.stderr}")
    return done.stdout


def _counts(results: Path) -> tuple[int, int, list[str]]:
    """Numbers of passed and skipped tests, and the ids of those that failed."""
    passed, skipped, failed = 0, 0, list[str]()
    for case in ET.parse(results).getroot().iter("testcase"):  # noqa: S314 (as above)
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, skipped, failed


def _versions(python: Path) -> tuple[str, dict[str, str]]:
    program = (
        "import json, platform; from importlib.metadata import version;"
        f"print(json.dumps([platform.python_version(), {{name: version(name) for name in {SHOWN!r}}}]))"
    )
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    version, versions = json.loads(done.stdout)
    return version, versions


def report(results: Sequence[Result]) -> str:
    """Return docs/support.md of some results."""
    titles = [f"`{one.row}`" for one in results]
    rows = [
        ("Python", [one.python for one in results]),
        ("dependencies", [one.dependencies for one in results]),
        *((name, [one.versions[name] for one in results]) for name in SHOWN),
        ("tests passed", [f"{one.passed:,}" for one in results]),
        ("skipped", [f"{one.skipped:,}" for one in results]),
        ("failed", [str(len(one.failed)) for one in results]),
        ("run on", [one.day for one in results]),
    ]
    table = [f"| | {' | '.join(titles)} |", f"|---|{'---|' * len(results)}"]
    table += [f"| {name} | {' | '.join(values)} |" for name, values in rows]
    failures = [f"- `{one.row}`: `{test}`" for one in results for test in one.failed]
    return _PAGE.format(
        table="\n".join(table), failures="\n\nFailed:\n\n" + "\n".join(failures) if failures else ""
    )


_PAGE: Final = """# Supported versions

<!-- Generated by `make matrix-report` from the results of `make test-matrix`. -->

`make test-matrix` runs the fast tests (those of `make test-fast`) in one environment for each column. All tests, with
real programs, run on the [lock](../requirements.txt) only.

{table}{failures}

- **lock**: the versions of `requirements.txt`, on which CI runs.
- **lowest**: the lower bounds of `pyproject.toml`, and the newest versions of what it does not name.
- **highest**: the newest versions that `pyproject.toml` allows. For Airflow 3.4, a beta is the newest in the registry.
- **Python 3.14** was not run and is not supported yet. All dependencies have wheels for it, except `bingads` (extra
  `soap`), which is built from source (resolved on 2026-11-30).
- Tests that compare with the lock itself run on the lock only.

`make test-matrix ARGS='lowest airflow-3.4'` runs some columns, `ARGS=--list` names them.
"""


def stored() -> Iterator[Result]:
    """Yield the stored results, in the order of the rows."""
    for row in ROWS:
        path = _FOLDER / row.name / "result.json"
        if path.exists():
            yield Result(**json.loads(path.read_text(encoding="utf-8")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows that are named, or all; return whether a test failed."""
    parser = argparse.ArgumentParser(prog="make test-matrix", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--tests", default="", metavar="MARKERS", help="the fast tests, as in pytest's `-m`")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes of pytest")
    parser.add_argument("--list", action="store_true", help="name the rows")
    parser.add_argument("--report", action="store_true", help="print docs/support.md of the stored results")
    asked = parser.parse_args(arguments)
    if asked.list:
        print("\n".join(names))
        return 0
    if asked.report:
        print(report(list(stored())), end="")
        return 0
    if not asked.tests:
        parser.error("--tests is missing. Use make test-matrix, which names the fast tests")
    if unknown := set(asked.rows) - set(names):
        parser.error(f"no such row: {', '.join(sorted(unknown))}. Rows: {', '.join(names)}")
    failed = [
        _run_and_print(row, asked.tests, asked.workers)
        for row in ROWS
        if not asked.rows or row.name in asked.rows
    ]
    return int(any(failed))


def _run_and_print(row: Row, tests: str, workers: int) -> bool:
    """Run a row, print its result, and return whether a test failed."""
    began = time.monotonic()
    result = run(row, tests, workers)
    words = f"{result.passed} passed, {result.skipped} skipped, {len(result.failed)} failed"
    print(f"{row.name}: Python {result.python}: {words} ({time.monotonic() - began:.0f} s)", flush=True)
    for test in result.failed:
        print(f"  {test}")
    return bool(result.failed)


if __name__ == "__main__":
    sys.exit(main())
