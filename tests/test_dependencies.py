"""The locked packages: one version each, they fit together, and their licences allow to use and pass them on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from customer_match.project import PROJECT

LOCKS = [PROJECT / "requirements.txt", *sorted((PROJECT / "tests").rglob("*.txt"))]
COPYLEFT = re.compile(
    r"(?<!L)A?GPL|(?<!Lesser )General Public|Affero|SSPL|Commons Clause|Business Source|non-?commercial",
    re.IGNORECASE,
)
CHOICE = {"docutils", "text-unidecode"}
"""Several licences to choose from, a permissive one among them."""


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_package_has_one_version(lock: Path) -> None:
    lines = [
        line for line in lock.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]
    assert lines
    for line in lines:
        requirement = Requirement(line)
        [specifier] = requirement.specifier
        assert (specifier.operator, requirement.url) == ("==", None), line
        assert "*" not in specifier.version, line


def test_the_lock_has_what_the_package_needs() -> None:
    locked: dict[str, list[str]] = defaultdict(list)
    for line in (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            locked.setdefault(canonicalize_name(requirement.name), []).append(
                str(requirement.specifier).removeprefix("==")
            )
    ours = next(one for one in distributions() if one.name == "customer-match-airflow")
    needed = [Requirement(one) for one in ours.requires or ()]
    assert len(needed) > 20
    for one in needed:
        versions = locked[canonicalize_name(one.name)]
        assert any(one.specifier.contains(version, prereleases=True) for version in versions), str(one)


def test_installed_packages_fit_together() -> None:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [uv, "pip", "check", "--offline", "--python", sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_no_package_has_a_licence_that_would_bind_ours() -> None:
    """Of strong copyleft, or against commercial use; the LGPL of drivers allows use as a library."""
    found = {one.name for one in distributions() if COPYLEFT.search(_licence(one))}
    assert found <= CHOICE, dict.fromkeys(found - CHOICE, found)


def _licence(package: Distribution) -> str:
    values = package.metadata
    text = values.get("License-Expression") or (values.get("License") or "").split("\n")[0]
    return " ".join([text, *(one for one in values.get_all("Classifier") or () if one.startswith("License"))])


@pytest.mark.parametrize(
    ("licence", "is_copyleft"),
    [("GPL-3.0-only", True), ("AGPL-3.0", True), ("GNU General Public License v2", True), ("LGPL-3.0-only", False),
     ("GNU Library or Lesser General Public License (LGPL)", False), ("Apache-2.0", False), ("SSPL-1.0", True)],
)  # fmt: skip
def test_the_rule_for_licences(licence: str, is_copyleft: bool) -> None:
    assert bool(COPYLEFT.search(licence)) is is_copyleft
