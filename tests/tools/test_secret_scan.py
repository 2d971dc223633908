"""The scan for secrets: what is new is named by file and line, and never shown."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from customer_match.project import PROJECT
from tools.secret_scan import main

KEY = (
    "AccountKey=" + "lJzRc1YdHaAA2KCNJJ1tkYwF/+mKK6Ygw0NGe170Xu592euJv2wYUtBlV8z+qnlcNQSnIYVTkLWntUO1F8j8rQ=="
)
TOKEN = "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder in git, with the settings of this project and nothing known."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    ours = json.loads((PROJECT / ".secrets.baseline").read_text())
    (tmp_path / ".secrets.baseline").write_text(json.dumps(ours | {"results": {}}))
    (tmp_path / ".gitignore").write_text("ignored/\n")
    (tmp_path / "plain.py").write_text("MEMBERS = 7\n")
    return tmp_path


def test_secrets_are_named_and_not_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], project=project) == 0
    (project / "docs").mkdir()
    (project / "docs" / "lake.md").write_text(f"# Lake\n\n`{KEY}`\n")
    (project / "plain.py").write_text(f'MEMBERS = 7\nTOKEN = "{TOKEN}"\n')
    (project / "ignored").mkdir()
    (project / "ignored" / ".env").write_text(f"TOKEN={TOKEN}\n")
    assert main([], project=project) == 1
    shown = capsys.readouterr().out
    assert "docs/lake.md, line 3: Azure Storage Account access key\n" in shown
    assert "plain.py, line 2: GitHub Token\n" in shown
    assert "ignored" not in shown
    assert "Remove secrets" in shown
    assert TOKEN not in shown
    assert KEY not in shown


def test_tests_may_have_passwords_but_no_tokens(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "tests").mkdir()
    (project / "tests" / "test_it.py").write_text('PASSWORD = "hunter2-hunter2"\n')
    assert main([], project=project) == 0
    (project / "conf.py").write_text('PASSWORD = "hunter2-hunter2"\n')
    (project / "tests" / "test_it.py").write_text(f'PASSWORD = "hunter2-hunter2"\nTOKEN = "{TOKEN}"\n')
    assert main([], project=project) == 1
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "conf.py, line 1: Secret Keyword",
        "tests/test_it.py, line 2: GitHub Token",
    ]


def test_what_was_accepted_may_move_but_not_change(project: Path) -> None:
    file, other = project / "plain.py", project / "other.py"
    file.write_text(f'TOKEN = "{TOKEN}"\n')
    assert main(["--accept"], project=project) == 0
    baseline = (project / ".secrets.baseline").read_text()
    assert TOKEN not in baseline
    assert str(project) not in baseline
    file.write_text(f'"""Moved."""\n\nTOKEN = "{TOKEN}"\n')
    assert main([], project=project) == 0
    other.write_text(f'TOKEN = "{TOKEN}"\n')
    assert main([], project=project) == 1
    other.unlink()
    file.write_text(f'TOKEN = "{TOKEN[:-1]}y"\n')
    assert main([], project=project) == 1
