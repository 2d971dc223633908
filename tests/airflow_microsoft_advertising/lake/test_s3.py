"""Sources in S3 with Airflow's Amazon provider, in a separate environment, as the project does not need it.

The tests themselves are in `inside_s3.py`; they need an install (a minute on a fresh machine).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from customer_match.project import IMPORT_PATH, PROJECT
from tests.own_environment import own_python

HERE = Path(__file__)


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.timeout(900)
def test_all_tests_of_s3_pass_in_an_environment_with_its_provider() -> None:
    python = own_python("s3", HERE.with_name("s3.txt"))
    inside = HERE.with_name("inside_s3.py")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-n0", "-o", f"cache_dir={PROJECT / '.s3' / 'pytest'}", inside],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": IMPORT_PATH},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
