"""The check of a release: what is wrong is named, and what is built is the commit."""

from __future__ import annotations

import subprocess
import zipfile
from datetime import date
from pathlib import Path

import pytest

from tools.release_check import build, built_problems, main, notes, problems, sections

TODAY = date(2027, 3, 2)
CHANGELOG = """\
# Changelog

## [Unreleased]

## [0.2.0] - 2027-03-01

- New, see [Audit](docs/audit.md#how) and [elsewhere](https://example.com/x).

## [0.1.0] - 2026-11-30

The first release.
"""
RELEASED = CHANGELOG.replace("2027-03-01", "2026-11-30")
PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "tiny"
version = "0.2.0"
"""


def found(version: str = "0.2.0", changelog: str = CHANGELOG, tag: str | None = "v0.2.0") -> list[str]:
    return list(problems(version, changelog, tag=tag, today=TODAY))


def test_nothing_is_wrong() -> None:
    assert found() == found(tag=None) == []
    assert found(changelog=CHANGELOG.replace("## [Unreleased]\n\n", "")) == []
    assert found("0.3.0rc1", CHANGELOG.replace("0.2.0", "0.3.0rc1"), "v0.3.0rc1") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tag": "0.2.0"}, "The tag is '0.2.0', but pyproject.toml has the version '0.2.0': tag v0.2.0"),
        ({"tag": "v0.3.0"}, "The tag is 'v0.3.0'"),
        ({"version": "0.3.0", "tag": None}, "there is no section ## [0.3.0] - 2027-03-02 with entries"),
        ({"version": "0.1.0", "tag": None}, "[0.1.0] is not the newest section"),
        ({"version": "1", "tag": None}, "the version '1' is not of the form 1.2.3"),
        (
            {"changelog": CHANGELOG.replace("## [0.2.0]", "- Later\n\n## [0.2.0]")},
            "[Unreleased] is not empty",
        ),
        ({"changelog": CHANGELOG.replace(" - 2027-03-01", "")}, "the day of [0.2.0] is missing"),
        (
            {"changelog": CHANGELOG.replace("2027-03-01", "2027-03-03")},
            "is 2027-03-03. Write one that is not",
        ),
        ({"changelog": CHANGELOG.replace("2027-03-01", "1.3.2027")}, "is 1.3.2027. Write one"),
        ({"changelog": CHANGELOG.replace("- New", "## [0.1.9]\n\n- New")}, "no section ## [0.2.0]"),
        ({"changelog": ""}, "no section ## [0.2.0]"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, str | None], words: str) -> None:
    assert any(words in line for line in found(**changes)), found(**changes)  # type: ignore[arg-type]


def test_notes_lead_to_the_tag() -> None:
    assert notes("0.2.0", CHANGELOG, None) == f"{sections(CHANGELOG)['0.2.0'][1]}\n"
    assert notes("0.2.0", CHANGELOG, "https://github.com/o/r") == (
        "- New, see [Audit](https://github.com/o/r/blob/v0.2.0/docs/audit.md#how) and [elsewhere](https://example.com/x).\n"
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project in git."""
    for name, text in {"pyproject.toml": PYPROJECT, "CHANGELOG.md": RELEASED, "tiny.py": ""}.items():
        (tmp_path / name).write_text(text)
    commit(tmp_path)
    return tmp_path


def commit(project: Path) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=project, check=True)


@pytest.mark.lengthy
def test_the_commit_is_built(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "left_over.py").write_text("")
    assert main(["--tag", "v0.2.0"], project=project) == 0
    assert capsys.readouterr().out == (
        "Release 0.2.0 is ready: dist/ has tiny-0.2.0-py3-none-any.whl, tiny-0.2.0.tar.gz, notes.md.\n"
    )
    wheel = project / "dist" / "tiny-0.2.0-py3-none-any.whl"
    assert "tiny.py" in zipfile.ZipFile(wheel).namelist()
    assert "left_over.py" not in zipfile.ZipFile(wheel).namelist()
    assert (project / "dist" / "notes.md").read_text().startswith("- New")

    assert main(["--tag", "v0.9.0"], project=project) == 1
    assert "The tag is 'v0.9.0'" in capsys.readouterr().out
    for name in ("pyproject.toml", "CHANGELOG.md"):
        (project / name).write_text((project / name).read_text().replace("0.2.0", "0.3.0"))
    assert main(["--tag", "v0.3.0"], project=project) == 1
    assert "the version inside is 0.2.0, not 0.3.0. Commit pyproject.toml" in capsys.readouterr().out


def test_what_was_built_is_checked(tmp_path: Path) -> None:
    assert [*built_problems([], "0.2.0")] == ["One wheel and one source distribution were expected, not ."]
    with pytest.raises(subprocess.CalledProcessError):
        build(tmp_path, tmp_path / "dist")  # no repository
