"""Virtual environments beside the project's own, for what cannot or need not be installed in it."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from customer_match.project import PROJECT

__all__ = ["own_python"]


def own_python(name: str, lock: Path) -> Path:
    """The Python of an environment in the project's folder `.<name>`.

    It is made anew (seconds, or a minute) when it is missing, or when its lock or our Python changed.

    Args:
        name: Of the environment.
        lock: What to install, as `make lock` writes it.
    """
    folder = PROJECT / f".{name}"
    folder.mkdir(exist_ok=True)
    python, note = folder / "venv" / "bin" / "python", folder / "installed"
    wanted = f"{sys.executable} {sys.version}\n{lock.read_text()}"
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # another test process may be making it
        if not note.exists() or note.read_text() != wanted or not python.exists():
            note.unlink(missing_ok=True)
            _uv("venv", "--clear", "--python", sys.executable, str(folder / "venv"))
            _uv("pip", "install", "--compile-bytecode", "--python", str(python), "-r", str(lock))
            note.write_text(wanted)
    return python


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv, "--quiet", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
