"""Finds the tests of each behaviour by their marks, without running or importing the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Proof", "proofs"]

_ROOT: Final = Path(__file__).parents[3]
_MARK: Final = "pytest.mark.behaviour"


@dataclass(frozen=True, slots=True, order=True)
class Proof:
    """A test that is marked with a behaviour's key.

    Args:
        file: Path relative to the project.
        name: Name of the test function.
    """

    file: Path
    name: str


def proofs(root: Path = _ROOT) -> dict[str, tuple[Proof, ...]]:
    """The tests of each behaviour's key, sorted.

    Args:
        root: The project; its folder ``tests`` is read.

    Raises:
        ValueError: A mark has an argument that is not a plain string, or is not on a test.
    """
    found: dict[str, set[Proof]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if _MARK in source:
            for key, name in _marks_in(ast.parse(source), str(path.relative_to(root))):
                found.setdefault(key, set()).add(Proof(path.relative_to(root), name))
    return {key: tuple(sorted(tests)) for key, tests in found.items()}


def _marks_in(tree: ast.Module, file: str) -> Iterator[tuple[str, str]]:
    """(key, test) of every mark in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == _MARK:
                    if not node.name.startswith("test_"):
                        raise ValueError(
                            f"{file}: {node.name} is marked with a behaviour's key but is not a test."
                        )
                    yield from ((_key(argument, file), node.name) for argument in mark.args)


def _key(argument: ast.expr, file: str) -> str:
    value = argument.value if isinstance(argument, ast.Constant) else None
    if isinstance(value, str):
        return value
    raise ValueError(f"{file}: the keys of {_MARK} must be plain strings.")
