"""Text, code and lists in Markdown for Airflow's pages, which lose the line breaks of texts and of blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["as_code", "as_list", "as_text"]

_SPECIAL: Final = re.compile(r"([\\*_<>\[\]#|~])")
_CODE: Final = re.compile(r"(`[^`\n]+`)")


def as_text(text: str) -> str:
    """Return a text whose characters mean nothing in Markdown, except that code between backticks stays code."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if _CODE.fullmatch(part) else _SPECIAL.sub(r"\\\1", part) for part in parts)


def as_code(text: str) -> str:
    """Return a text as code in a line; it may contain backticks, as SQL does."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def as_list(items: Iterable[str]) -> str:
    """Return a list with an empty line after it, as the next paragraph would be part of its last item; "" for none."""
    lines = [f"- {item}\n" for item in items]
    return "".join([*lines, "\n"]) if lines else ""
