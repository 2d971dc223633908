"""A virtual environment for the `msads` SDK alone: it installs a module named `bingads`, as the SOAP SDK does."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from tests.simulator.api import ROOT

FOLDER = ROOT / ".msads"
LOCK = Path(__file__).with_name("msads.txt")


def msads_python() -> Path:
    """Its Python. Made anew (some seconds) when it is missing, or when its lock or our Python changed."""
    FOLDER.mkdir(exist_ok=True)
    python, note = FOLDER / "venv" / "bin" / "python", FOLDER / "installed"
    wanted = f"{sys.executable} {sys.version}\n{LOCK.read_text()}"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test process may be making it
        if not note.exists() or note.read_text() != wanted or not python.exists():
            note.unlink(missing_ok=True)
            _uv("venv", "--clear", "--python", sys.executable, str(FOLDER / "venv"))
            _uv("pip", "install", "--compile-bytecode", "--python", str(python), "-r", str(LOCK))
            note.write_text(wanted)
    return python


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv, "--quiet", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
