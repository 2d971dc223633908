"""docker-compose.yaml as Compose reads it: `.env`, interpolation, YAML merges, profiles, `env_file`, secrets.

The rules are those of the Compose specification (12-interpolation, 05-services, 09-secrets) that this file uses.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

__all__ = ["HealthCheck", "Mount", "Port", "Service", "interpolate", "read"]

_VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<plain>\w+)|\{(?P<name>\w+)(?:(?P<kind>:?[-?])(?P<rest>[^}]*))?\})"
)
_SECONDS = {"s": 1, "m": 60, "h": 3_600}


@dataclass(frozen=True)
class Mount:
    """A volume (`volume`) or a folder or file of the host (`source`) in a container."""

    target: str
    source: Path | None = None
    volume: str | None = None
    read_only: bool = False


@dataclass(frozen=True, order=True)
class Port:
    """A port inside a container, and where it is published on the host, if it is."""

    number: int
    protocol: str = "tcp"
    published: str | None = None


@dataclass(frozen=True)
class HealthCheck:
    """The command that tells whether a container is well, and how many seconds it may take."""

    command: Sequence[str]
    timeout: float


@dataclass(frozen=True)
class Service:
    """One service, with everything resolved that the file leaves to its surroundings."""

    name: str
    image: str
    is_built: bool
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: str | None = None
    init: bool = False
    security: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    mounts: Sequence[Mount] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[Port] = ()
    healthcheck: HealthCheck | None = None
    depends_on: Mapping[str, str] = field(default_factory=dict)
    restart: str = "no"


def read(
    folder: Path, profiles: Collection[str] = (), shell: Mapping[str, str] | None = None
) -> dict[str, Service]:
    """Read the services of a project that run with some profiles.

    Args:
        folder: Folder with docker-compose.yaml.
        profiles: Profiles that are switched on.
        shell: Environment of the command; it takes precedence over `.env`.

    Raises:
        ValueError: A variable that is required is missing.
    """
    variables = {**_dotenv(folder / ".env"), **(shell or {})}
    text = (folder / "docker-compose.yaml").read_text(encoding="utf-8")
    content = _interpolated(yaml.safe_load(text), variables)
    secrets = {name: folder / one["file"] for name, one in content.get("secrets", {}).items()}
    return {
        name: _service(name, values, folder, secrets)
        for name, values in content["services"].items()
        if not values.get("profiles") or set(values["profiles"]) & set(profiles)
    }


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$VARIABLE`, `${VARIABLE:-default}`, `${VARIABLE:?message}` and their forms without colon; `$$` is `$`.

    Raises:
        ValueError: A variable that is required is missing.
    """

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name, kind, rest = match["plain"] or match["name"], match["kind"] or "", match["rest"] or ""
        found = variables.get(name)
        if kind and (found is None or (kind.startswith(":") and not found)):
            if kind.endswith("?"):
                raise ValueError(f"{name} {rest}")
            return rest
        return found or ""

    return _VARIABLE.sub(value, text)


def _interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """Interpolate all values, not the keys."""
    if isinstance(value, str):
        return interpolate(value, variables)
    if isinstance(value, list):
        return [_interpolated(one, variables) for one in value]
    if isinstance(value, dict):
        return {key: _interpolated(one, variables) for key, one in value.items()}
    return value


def _service(name: str, values: Mapping[str, Any], folder: Path, secrets: Mapping[str, Path]) -> Service:
    mounted = [
        Mount(f"/run/secrets/{one}", secrets[one], read_only=True) for one in values.get("secrets", ())
    ]
    tmpfs = (one.partition(":") for one in values.get("tmpfs", ()))
    depends_on = values.get("depends_on") or {}
    return Service(
        name=name,
        image=values["image"],
        is_built="build" in values,
        command=_command(values.get("command", [])),
        environment=_environment(values, folder),
        user=values.get("user"),
        init=values.get("init", False),
        security=frozenset(values.get("security_opt", ())),
        dropped=frozenset(values.get("cap_drop", ())),
        mounts=[*(_mount(one, folder) for one in values.get("volumes", ())), *mounted],
        tmpfs={target: options for target, _, options in tmpfs},
        ports=[*map(_published, values.get("ports", ())), *map(_exposed, values.get("expose", ()))],
        healthcheck=_healthcheck(values["healthcheck"]) if "healthcheck" in values else None,
        depends_on={other: one["condition"] for other, one in depends_on.items()},
        restart=values.get("restart", "no"),
    )


def _command(value: str | Sequence[str]) -> list[str]:
    return shlex.split(value) if isinstance(value, str) else list(value)


def _environment(values: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Later files override earlier ones, and `environment` overrides all files."""
    found: dict[str, str] = {}
    for one in values.get("env_file", ()):
        path, required = (one, True) if isinstance(one, str) else (one["path"], one.get("required", True))
        if required and not (folder / path).is_file():
            raise ValueError(f"env_file {path} is missing")
        found |= _dotenv(folder / path)
    return found | {key: str(value) for key, value in values.get("environment", {}).items()}


def _dotenv(path: Path) -> dict[str, str]:
    return {key: value or "" for key, value in dotenv_values(path, interpolate=False).items()}


def _mount(text: str, folder: Path) -> Mount:
    source, target, *options = text.split(":")
    read_only = "ro" in options
    if source.startswith((".", "/")):
        return Mount(target, source=folder / source, read_only=read_only)
    return Mount(target, volume=source, read_only=read_only)


def _published(text: str) -> Port:
    address, _, target = text.rpartition(":")
    return Port(*_number(target), published=address)


def _exposed(text: str) -> Port:
    return Port(*_number(text))


def _number(text: str) -> tuple[int, str]:
    number, _, protocol = text.partition("/")
    return int(number), protocol or "tcp"


def _healthcheck(values: Mapping[str, Any]) -> HealthCheck:
    kind, *command = values["test"]
    if kind == "CMD-SHELL":
        command = ["/bin/sh", "-c", *command]
    return HealthCheck(command, _seconds(values.get("timeout", "30s")))


def _seconds(text: str) -> float:
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smh])", text))
