"""The services of docker-compose.yaml, started in the order and on the conditions that the file gives."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from customer_match.project import PROJECT
from tests.compose.containers import Container, make_bridge, start
from tests.compose.images import LACKING, make, make_ours
from tests.compose.reading import Service, read
from tests.compose.roots import Image

__all__ = ["Stack", "make_project"]

_NETWORK = "172.28.0"
_OURS = f"{_NETWORK}.1"  # this process's address in the network of the services
_INTERVAL = 2.0  # between health checks: the file's are for months, not minutes
_HEALTHY_SECONDS = 600  # a busy machine takes minutes
_COPIED = (
    "Dockerfile",
    "docker-compose.yaml",
    ".env.example",
    "airflow.env",
    "pyproject.toml",
    "requirements.txt",
    "README.md",
    "LICENSE",
)


def make_project(folder: Path) -> Path:
    """Copy what Compose reads, and do what the documentation says first: settings and secrets."""
    folder.mkdir()
    for name in _COPIED:
        shutil.copy(PROJECT / name, folder)
    for name in ("dags", "include", "plugins", "deploy"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(folder / ".env.example", folder / ".env")
    subprocess.run(["deploy/compose/create-secrets"], cwd=folder, check=True, capture_output=True)
    return folder


@dataclass
class Stack:
    """The running services.

    Attributes:
        project: Folder with docker-compose.yaml and what it names.
        folder: Folder for volumes.
        services: All services of the file that are switched on and can be run.
        others: Names of those that cannot: they lead to this process.
        containers: Those that were started, in this order.
        left_out: RUN instructions of the Dockerfile that were not run.
    """

    project: Path
    folder: Path
    services: Mapping[str, Service]
    others: Collection[str] = ()
    containers: dict[str, Container] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    _images: dict[str, Image] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Path, folder: Path, profiles: Collection[str]) -> Stack:
        """Prepare the stack: its network, and a folder in memory for the root folders."""
        services = read(project, profiles)
        running = {name: one for name, one in services.items() if one.image.rpartition(":")[0] not in LACKING}
        made = cls(project, folder, running, set(services) - set(running))
        made._roots.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(made._roots)], check=True)
        make_bridge(_OURS)
        return made

    def up(self) -> None:
        """Start all services, each once its conditions are met, and wait until all are well.

        Raises:
            RuntimeError: One ended, or did not become healthy.
        """
        waiting = dict(self.services)
        while waiting:
            name = next(one for one, service in waiting.items() if not set(service.depends_on) & set(waiting))
            service = waiting.pop(name)
            for other, condition in service.depends_on.items():
                self._wait(other, condition)
            self.start(service)
        for name, service in self.services.items():
            self._wait(name, "service_healthy" if service.healthcheck else "service_started")

    def start(self, service: Service) -> None:
        """Start the container of one service."""
        folder = self._roots / service.name
        folder.mkdir()
        self.containers[service.name] = start(
            service, self._image(service), folder, self.folder / "volumes", self._hosts(service.name)
        )

    def address(self, name: str) -> str:
        """Return the IP address of a service."""
        return f"{_NETWORK}.{list(self.services).index(name) + 10}"

    def url(self, name: str) -> str:
        """Return the URL of the port that a service publishes."""
        [port] = [port.number for port in self.services[name].ports if port.published]
        return f"http://{self.address(name)}:{port}"

    def is_healthy(self, name: str) -> bool:
        """Run a service's health check, once."""
        check = self.services[name].healthcheck
        assert check
        try:
            return self.containers[name].run(check.command, timeout=check.timeout).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def stop(self) -> None:
        """End all containers at once, the last one first."""
        for container in reversed(self.containers.values()):
            container.process.kill()
            container.process.wait()

    @property
    def _roots(self) -> Path:
        return self.folder / "roots"

    def _image(self, service: Service) -> Image:
        name = service.image.rpartition(":")[0]
        if name not in self._images:
            root = self._roots / "images" / name.replace("/", "_")
            if service.is_built:
                self._images[name], self.left_out = make_ours(root, self.project)
            else:
                self._images[name] = make(name, root)
        return self._images[name]

    def _hosts(self, own: str) -> str:
        """Names of all services, as Compose's network resolves them; the container's own name is its id."""
        lines = [f"{self.address(name)} {name}" for name in self.services]
        lines += [f"{_OURS} {name}" for name in self.others]
        ids = [f"{self.address(name)} {_container_id(name)}" for name in self.services if name != own]
        return "\n".join(
            ["127.0.0.1 localhost", f"{self.address(own)} {_container_id(own)}", *lines, *ids, ""]
        )

    def _wait(self, name: str, condition: str) -> None:
        container = self.containers[name]
        if condition == "service_completed_successfully":
            if status := container.process.wait(_HEALTHY_SECONDS):
                raise RuntimeError(f"{name} ended with {status}:\n{container.tail()}")
            return
        deadline = time.monotonic() + _HEALTHY_SECONDS
        while condition == "service_healthy" and not self.is_healthy(name):
            if not container.running or time.monotonic() > deadline:
                raise RuntimeError(f"{name} is not healthy:\n{container.tail()}")
            time.sleep(_INTERVAL)


def _container_id(name: str) -> str:
    """Like Docker's: twelve hexadecimal digits."""
    return f"{int.from_bytes(name.encode(), 'big') % 16**12:012x}"
