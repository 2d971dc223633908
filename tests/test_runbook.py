"""The runbook quotes messages that the code has, and names states that it has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from customer_match.project import PROJECT

RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
QUOTES = [
    " ".join(quote.replace("\n> ", " ").split())
    for quote in re.findall(r"(?m)^> ((?:.+\n(?:> )?)+)", RUNBOOK)
]
SHORTEST = 12
"""A shorter piece between two `…` proves nothing."""


def texts(path: Path) -> Iterator[str]:
    """All texts of a module, of which those with values in between are several."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def all_texts() -> str:
    modules = (path for folder in ("include", "plugins") for path in (PROJECT / folder).rglob("*.py"))
    return "\n".join(text for path in modules for text in texts(path))


def unknown(quote: str) -> list[str]:
    """The pieces of a quotation that no module has."""
    pieces = [piece.strip() for piece in quote.split("…")]
    return [piece for piece in pieces if len(piece) >= SHORTEST and piece not in all_texts()]


def test_the_runbook_quotes_messages() -> None:
    assert len(QUOTES) > 30, "a check of the check"


@pytest.mark.parametrize("quote", QUOTES)
def test_quoted_messages_are_in_the_code(quote: str) -> None:
    assert any(len(piece.strip()) >= SHORTEST for piece in quote.split("…"))
    assert unknown(quote) == []


def test_a_message_that_nobody_writes_is_found() -> None:
    assert unknown("… is damaged. Nothing is exported, because it rains.") == [
        "is damaged. Nothing is exported, because it rains."
    ]


def test_every_symptom_says_what_to_do() -> None:
    symptoms = re.split(r"(?m)^### ", RUNBOOK)[1:]
    assert len(symptoms) > 30
    for symptom in symptoms:
        title = symptom.partition("\n")[0]
        assert symptom.count("\n- **Means**: ") == symptom.count("\n- **Do**: ") > 0, title
