"""The images of docker-compose.yaml, made of the distribution's packages.

Ours follows the Dockerfile step by step, without its two installations: the project's virtual environment, which
`make install` made of the same lock, stands for them. Of the other images, it is the settings and the steps of the
entrypoint that matter here, as their own Dockerfiles have them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from customer_match_demo import azurite
from tests.compose import dockerfile
from tests.compose.roots import BASE_PATH, Image, empty_root, run_in

__all__ = ["LACKING", "make", "make_ours"]

LACKING = {"prom/statsd-exporter", "grafana/grafana"}
"""Images whose programs no package of the distribution has: they are not run."""

_BUSYBOX = {"azurite": ["nc"], "prometheus": ["wget"]}
_POSTGRES_START = """#!/bin/sh
# Stands for the entrypoint of the official image, where it is started as the user postgres.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  chmod 0700 "$PGDATA"
  initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE"
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  createdb --username="$POSTGRES_USER" --no-password "$POSTGRES_DB"
  pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
"""


def make_ours(root: Path, project: Path) -> tuple[Image, list[str]]:
    """Build the image of the Dockerfile; return it, and the RUN instructions that were not run.

    Args:
        root: Folder for its files.
        project: Folder with the Dockerfile; the context of the build.
    """
    _compile_packages()
    recipe = dockerfile.read(project / "Dockerfile")
    python = {"PATH": BASE_PATH, "LANG": "C.UTF-8"}  # of the official Python image
    image = Image(empty_root(root), python | recipe.environment, recipe.workdir, command=recipe.command)
    (root / recipe.workdir.lstrip("/")).mkdir(parents=True)
    left_out = []
    for instruction, rest in recipe.steps:
        if instruction == "COPY":
            _copy(project, rest.split(), root / recipe.workdir.lstrip("/"))
        elif " pip install " in rest:
            left_out.append(rest)
        else:
            run_in(image, rest)
    image.user = recipe.user
    return image, left_out


def make(name: str, root: Path) -> Image:
    """Make one of the other images.

    Args:
        name: The image's name, without its tag.
        root: Folder for its files.
    """
    return _OTHERS[name](empty_root(root))


def _compile_packages() -> None:
    """What `--compile-bytecode` does in the image: processes that are not root cannot do it later."""
    packages = Path(sys.prefix) / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    command = [sys.executable, "-m", "compileall", "-qq", "-j", "2", str(packages)]
    subprocess.run(command, check=False)  # some packages have files that are templates


def _copy(project: Path, arguments: list[str], workdir: Path) -> None:
    """COPY, with what .dockerignore leaves out everywhere."""
    *sources, target = arguments
    for source in sources:
        if source.endswith("/"):
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(project / source, workdir / target, ignore=ignored)
        else:
            shutil.copy(project / source, workdir / target)


def _postgres(root: Path) -> Image:
    newest = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    data = "/var/lib/postgresql/data"
    _folder(root, data, "postgres", 0o1777)
    _folder(root, "/run/postgresql", "postgres", 0o3777)
    _program(root / "entrypoint", _POSTGRES_START)
    environment = {"PATH": f"{newest}:{BASE_PATH}", "LANG": "C.UTF-8", "PGDATA": data}
    return Image(root, environment, entrypoint=["/entrypoint"], command=["postgres"])


def _redis(root: Path) -> Image:
    _folder(root, "/data", "redis", 0o755)
    return Image(root, {"PATH": BASE_PATH}, "/data", command=["redis-server"])


def _azurite(root: Path) -> Image:
    installed = azurite.install()
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("node was not found: install Node 20 or newer")
    _folder(root, "/opt/azurite/bin", "root", 0o755)
    inside = Path("/opt/azurite/installed") / installed.relative_to(azurite.FOLDER)
    _program(root / "opt/azurite/bin/azurite-blob", f'#!/bin/sh\nexec {node} {inside} "$@"\n')
    _busybox(root, "azurite")
    path = f"/opt/azurite/bin:/opt/busybox:{BASE_PATH}"
    return Image(root, {"PATH": path}, "/opt/azurite", mounts={"/opt/azurite/installed": azurite.FOLDER})


def _prometheus(root: Path) -> Image:
    _folder(root, "/prometheus", "nobody", 0o755)
    _busybox(root, "prometheus")
    environment = {"PATH": f"/opt/busybox:{BASE_PATH}"}
    return Image(root, environment, "/prometheus", "nobody", ["/usr/bin/prometheus"])


def _busybox(root: Path, name: str) -> None:
    """The small versions of usual programs that images based on Alpine and BusyBox have."""
    _folder(root, "/opt/busybox", "root", 0o755)
    for program in _BUSYBOX[name]:
        (root / "opt/busybox" / program).symlink_to("/bin/busybox")


def _folder(root: Path, path: str, owner: str, mode: int) -> None:
    folder = root / path.lstrip("/")
    folder.mkdir(parents=True)
    shutil.chown(folder, owner, "nogroup" if owner == "nobody" else owner)
    folder.chmod(mode)


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


_OTHERS: dict[str, Callable[[Path], Image]] = {
    "postgres": _postgres,
    "redis": _redis,
    "mcr.microsoft.com/azure-storage/azurite": _azurite,
    "prom/prometheus": _prometheus,
}
