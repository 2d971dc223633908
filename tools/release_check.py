"""`make release-check`: checks the version, the tag and the changelog, and builds what a release consists of.

Writes the wheel, the source distribution and `notes.md` (the changelog's section) to `dist/`. What is built is the
last commit, without files of the working tree that are not committed.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from email.parser import BytesHeaderParser
from itertools import zip_longest
from pathlib import Path
from typing import Final

__all__ = ["build", "built_problems", "main", "notes", "problems", "sections"]

_HEADING: Final = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<day>\S+))?\s*$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\((?!https?://|#)([^)\s]+)\)")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
UNRELEASED: Final = "Unreleased"


def sections(changelog: str) -> dict[str, tuple[str | None, str]]:
    """Return the day and the text of each section of a changelog, by its name."""
    headings = list(_HEADING.finditer(changelog))
    following = [heading.start() for heading in headings[1:]]
    return {
        heading["name"]: (heading["day"], changelog[heading.end() : end].strip())
        for heading, end in zip_longest(headings, following)
    }


def problems(version: str, changelog: str, *, tag: str | None, today: date) -> Iterator[str]:
    """Yield what is wrong with a release.

    Args:
        version: The version in pyproject.toml.
        changelog: The text of CHANGELOG.md.
        tag: The tag; None before there is one.
        today: The present day, UTC.
    """
    if not _VERSION.fullmatch(version):
        yield f"pyproject.toml: the version {version!r} is not of the form 1.2.3 or 1.2.3rc1."
    if tag is not None and tag != f"v{version}":
        yield f"The tag is {tag!r}, but pyproject.toml has the version {version!r}: tag v{version}, or correct it."
    found = sections(changelog)
    if found.get(UNRELEASED, (None, ""))[1]:
        yield f"CHANGELOG.md: [{UNRELEASED}] is not empty. Move its entries to ## [{version}] - {today}."
    day, text = found.get(version, (None, ""))
    if not text:
        yield f"CHANGELOG.md: there is no section ## [{version}] - {today} with entries."
    elif next(name for name in found if name != UNRELEASED) != version:
        yield f"CHANGELOG.md: [{version}] is not the newest section."
    elif not _is_past(day, today):
        yield f"CHANGELOG.md: the day of [{version}] is {day or 'missing'}. Write one that is not in the future."


def _is_past(day: str | None, today: date) -> bool:
    try:
        return date.fromisoformat(day or "") <= today
    except ValueError:
        return False


def notes(version: str, changelog: str, repository: str | None) -> str:
    """Return the section of a version. Links to files of the project lead to the tag, if the repository is given."""
    text = sections(changelog)[version][1] + "\n"
    return _LINK.sub(rf"]({repository}/blob/v{version}/\1)", text) if repository else text


def build(project: Path, folder: Path) -> list[Path]:
    """Build the wheel and the source distribution of the last commit into an empty folder.

    Raises:
        subprocess.CalledProcessError: git or uv failed; its output was shown.
    """
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=project, check=True, capture_output=True).stdout
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as tree:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(tree, filter="data")
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "--quiet", "build", "--out-dir", folder, tree], check=True)
    return sorted(path for path in folder.iterdir() if path.suffix in {".whl", ".gz"})


def built_problems(files: Sequence[Path], version: str) -> Iterator[str]:
    """Yield what is wrong with the built files: their number, names, or the version inside."""
    wheels = [path for path in files if path.suffix == ".whl"]
    if len(wheels) != 1 or len(files) != len(wheels) + 1:
        yield f"One wheel and one source distribution were expected, not {', '.join(path.name for path in files)}."
        return
    with zipfile.ZipFile(wheels[0]) as wheel:
        [name] = [one for one in wheel.namelist() if one.endswith(".dist-info/METADATA")]
        inside = BytesHeaderParser().parsebytes(wheel.read(name))["Version"]
    if inside != version:
        yield f"{wheels[0].name}: the version inside is {inside}, not {version}. Commit pyproject.toml first."
    for path in files:
        if version not in path.name:
            yield f"{path.name}: the name does not have the version {version}."


def main(arguments: Sequence[str] | None = None, *, project: Path = Path(__file__).parents[1]) -> int:
    """Check and build; print what is wrong. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="release-check", description=__doc__)
    parser.add_argument("--tag", help="the tag, such as v0.2.0; empty or omitted: there is none yet")
    parser.add_argument("--repository", help="URL of the repository, for links in notes.md")
    given = parser.parse_args(arguments)
    version = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (project / "CHANGELOG.md").read_text(encoding="utf-8")
    wrong = list(problems(version, changelog, tag=given.tag or None, today=datetime.now(UTC).date()))
    if not wrong:
        files = build(project, project / "dist")
        wrong = list(built_problems(files, version))
        (project / "dist" / "notes.md").write_text(
            notes(version, changelog, given.repository), encoding="utf-8"
        )
    for line in wrong or [
        f"Release {version} is ready: dist/ has {', '.join(path.name for path in files)}, notes.md."
    ]:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
