"""Temporary folders: private, and gone even after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from customer_match_delivery.private_folder import private_folder

KILLED = """
import os, signal
from customer_match_delivery.private_folder import private_folder
with private_folder() as folder:
    (folder / "upload.zip").write_text("digests")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def killed() -> Path:
    """The folder of a process that was killed while it used it."""
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    return Path(done.stdout.strip())


def test_it_is_for_this_user_only_and_gone_afterwards(temporary: Path) -> None:
    with private_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "a").write_text("")
    assert list(temporary.iterdir()) == []


def test_it_is_gone_after_an_error(temporary: Path) -> None:
    with pytest.raises(ZeroDivisionError), private_folder():
        raise ZeroDivisionError
    assert list(temporary.iterdir()) == []


def test_that_of_a_killed_process_is_removed_at_the_next_start(temporary: Path) -> None:
    left = killed()
    assert (left / "upload.zip").exists()
    with private_folder():
        assert not left.exists()
    assert list(temporary.iterdir()) == []


def test_those_of_living_processes_stay() -> None:
    with private_folder() as first, private_folder() as second:
        assert first.is_dir()
        assert first != second


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_those_of_other_users_and_links_stay(temporary: Path) -> None:
    other = killed()
    os.chown(other, 65534, 65534)
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".lock").write_text("")
    (temporary / "customer-match-private-link").symlink_to(elsewhere)
    with private_folder():
        assert other.exists()
        assert elsewhere.exists()
