"""The Dockerfile: what its instructions say about the image."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Recipe", "read"]


@dataclass
class Recipe:
    """An image, as its Dockerfile describes it.

    Attributes:
        base: The image that it begins with.
        environment: ENV.
        workdir: WORKDIR.
        user: USER.
        command: CMD.
        steps: COPY (sources and target) and RUN (a shell command), in their order.
    """

    base: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)


def read(path: Path) -> Recipe:
    """Read a Dockerfile of one stage.

    Raises:
        ValueError: It has an instruction that this reader does not know.
    """
    recipe, arguments = Recipe(), {}
    for instruction, rest in _instructions(path.read_text(encoding="utf-8")):
        match instruction:
            case "ARG":
                name, _, value = rest.partition("=")
                arguments[name] = value
            case "FROM":
                recipe.base = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], rest)
            case "ENV":
                recipe.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "WORKDIR":
                recipe.workdir = rest
            case "USER":
                recipe.user = rest
            case "CMD":
                recipe.command = json.loads(rest)
            case "COPY" | "RUN":
                recipe.steps.append((instruction, rest))
            case _:
                raise ValueError(f"{path.name}: {instruction} is not known")
    return recipe


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line.strip()]
