"""Runs a program in a process that has imported nothing."""

from __future__ import annotations

import os
import subprocess
import sys

from customer_match.project import PROJECT


def lines_of(program: str, **environment: str) -> list[str]:
    """The lines that a Python program prints, in the project's folder."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
