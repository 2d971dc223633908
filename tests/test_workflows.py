"""The workflows of GitHub, which do not run here: `make lint` checks their schema, and this what they call."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from customer_match.project import PROJECT

TARGETS = re.findall(r"(?m)^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"))
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.y*ml"))


def steps_of(workflow: Path) -> list[dict[str, Any]]:
    found = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    return [step for job in found["jobs"].values() for step in job.get("steps", ())]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_they_run_exists(workflow: Path) -> None:
    commands = [step["run"] for step in steps_of(workflow) if "run" in step]
    assert commands
    for command in commands:
        program, *rest = command.split()
        assert program in {"make", ".ci/run", "gh"}
        assert program != "make" or rest[0] in TARGETS


def test_targets_that_people_are_told_to_run_exist() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"make ([a-z-]+)", text))
    assert named <= set(TARGETS)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_they_have_few_rights_and_no_code_from_outside(workflow: Path) -> None:
    """What somebody can name, such as a tag, reaches a shell as a variable only; others' actions are not used."""
    found = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert found["permissions"] == {"contents": "read"}
    for step in steps_of(workflow):
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/checkout@v1"))
    for job in found["jobs"].values():
        assert ("timeout-minutes" in job) != ("uses" in job)
