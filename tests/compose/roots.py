"""Root folders of containers: the distribution's /usr, the project's Python, and what an image adds.

Nothing else of this machine is in them. Everything is mounted in the mount namespace of the test, and ends with it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["BASE_PATH", "Image", "bind", "empty_root", "run_in"]

VENV = Path(sys.prefix)
BASE_PATH = f"{VENV}/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of the official Python image, after the project's virtual environment, which stands for its Python."""

_LINKS = (
    "bin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "sbin",
)  # to folders in /usr, as in every current distribution
_FOLDERS = ("dev", "proc", "run/secrets", "tmp", "usr", "var/tmp")
_FOR_ALL = ("tmp", "var/tmp")


@dataclass
class Image:
    """An image, as far as it can be had without a registry.

    Attributes:
        root: Its own files.
        environment: ENV.
        workdir: WORKDIR.
        user: USER.
        entrypoint: ENTRYPOINT.
        command: CMD.
        mounts: Folders of this machine that are a part of it, read-only, by their place in the container.
    """

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    mounts: Mapping[str, Path] = field(default_factory=dict)


def empty_root(root: Path) -> Path:
    """Create what each image has: empty folders, /etc, and the links into /usr."""
    for name in _FOLDERS:
        (root / name).mkdir(parents=True)
        (root / name).chmod(0o1777 if name in _FOR_ALL else 0o755)
    subprocess.run(["cp", "--archive", "/etc", str(root)], check=True)
    for name in _LINKS:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    (root / "var" / "run").symlink_to("/run")
    return root


def bind(root: str, mounts: Mapping[str, Path], *, read_only: bool = True) -> list[str]:
    """Return the shell commands that mount folders or files of this machine in a root folder."""
    found = []
    for target, source in mounts.items():
        place = shlex.quote(f"{root}{target}")
        make = f"mkdir -p {place}" if source.is_dir() else f"mkdir -p $(dirname {place}) && touch {place}"
        options = "-o ro " if read_only else ""
        found += [make, f"mount --bind {options}{shlex.quote(str(source))} {place}"]
    return found


def system(root: str) -> list[str]:
    """Return the shell commands that mount what all containers share: programs, Python, devices, processes."""
    shared = {"/usr": Path("/usr"), str(VENV): VENV}
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        shared[sys.base_prefix] = Path(sys.base_prefix)
    return [
        *bind(root, shared),
        f"mount -t proc proc {root}/proc",
        f"mount --rbind /dev {root}/dev",
        f"mount -t tmpfs -o mode=1777 tmpfs {root}/dev/shm",
    ]


def run_in(image: Image, command: str) -> None:
    """Run a shell command as root in the root folder of an image, as RUN does.

    Raises:
        RuntimeError: It failed.
    """
    root = shlex.quote(str(image.root))
    inside = f"cd {image.workdir} && {command}"
    script = [*system(root), f"exec chroot {root} /bin/sh -ec {shlex.quote(inside)}"]
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--", "sh", "-ec", "\n".join(script)],
        env={"PATH": os.defpath, **image.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"RUN {command}\n{done.stdout}{done.stderr}")
