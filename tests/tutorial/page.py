"""The commands of the tutorial and the outputs that it shows, read from the page.

A block of commands begins with "```sh". A word after it says how it is run: `simulator` in a terminal of its own, until
Ctrl-C; `until` again and again, until its output is the one of the page; `end` when that terminal was left. A block
"```text" after it is its output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "blocks", "shows"]

_FENCE = re.compile(r"^```(sh|text)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """Commands, how they are run, and the output that the page shows for them, if any."""

    commands: str
    how: str
    output: str | None = None


def blocks(page: Path) -> list[Block]:
    """All commands of a page, in order."""
    found: list[Block] = []
    for language, how, content in _FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "sh":
            found.append(Block(content, how))
        else:
            assert found[-1].output is None, f"an output without commands: {content}"
            found[-1] = Block(found[-1].commands, found[-1].how, content)
    return found


def shows(page: str, output: str) -> bool:
    """Whether an output is the one of the page, in which `…` stands for anything; numbers of blanks do not matter."""
    pattern = re.escape(" ".join(page.split())).replace("…", ".*?")
    return re.fullmatch(pattern, " ".join(output.split())) is not None
