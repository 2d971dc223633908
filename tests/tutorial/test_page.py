"""The tutorial's blocks of commands, and its translation."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_match.project import PROJECT
from tests.tutorial.page import Block, blocks, shows

TUTORIAL = PROJECT / "docs" / "tutorial.md"
TRANSLATIONS = sorted((PROJECT / "docs").glob("??/tutorial.md"))


def test_blocks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "a\n```sh\none\ntwo\n```\n\n```text\nout\n```\n```python\nno\n```\n```sh until\nthree\n```\n"
    )
    assert blocks(page) == [Block("one\ntwo\n", "", "out\n"), Block("three\n", "until")]


@pytest.mark.parametrize(
    ("page", "output", "same"),
    [
        ("a  b\nc", "a b\n\nc\n", True),
        ("last run … UTC, success", "last run 2026-11-30 22:33 UTC, success", True),
        ("a …\nz", "a 1\nb 2\nz", True),
        ("4  0", "4  1", False),
        ("a.c", "abc", False),
        ("a", "a b", False),
        ("…a", "b", False),
    ],
)
def test_outputs_are_compared(page: str, output: str, *, same: bool) -> None:
    assert shows(page, output) is same


def test_the_tutorial_has_commands_and_outputs() -> None:
    found = blocks(TUTORIAL)
    assert {block.how for block in found} == {"", "simulator", "until", "end"}
    assert len([block for block in found if block.output]) > 10


@pytest.mark.parametrize("page", TRANSLATIONS, ids=lambda path: path.parent.name)
def test_translations_have_the_same_commands(page: Path) -> None:
    assert blocks(page) == blocks(TUTORIAL)
