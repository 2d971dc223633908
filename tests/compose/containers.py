"""Containers without an engine: namespaces of Linux for files, network, processes and host name, as root.

Each has a root folder of its own, an address in a network of its own, and only the rights that the file leaves it. All
of them end with the process that started them.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

from tests.compose.reading import Mount, Service
from tests.compose.roots import Image, bind, system

__all__ = ["BRIDGE", "Container", "make_bridge", "start"]

BRIDGE = "compose"
_PREFIX = 24
_BEGIN_SECONDS = 30


@dataclass
class Container:
    """A started container.

    Attributes:
        name: Name of its service.
        address: Its IP address.
        log: File with its output.
        environment: Of all its processes.
        process: `unshare`, whose child is the first process of the container.
    """

    name: str
    address: str
    log: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    rights: Sequence[str]

    def run(self, command: Sequence[str], *, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as `docker compose exec` and health checks do."""
        target = [
            "--target",
            str(self.first),
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--root",
            "--wd",
        ]
        return subprocess.run(
            ["nsenter", *target, "--", *self.rights, *command],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def first(self) -> int:
        """Process id of its first process."""
        [child] = psutil.Process(self.process.pid).children()
        return int(child.pid)

    def processes(self) -> list[psutil.Process]:
        """Return all processes inside."""
        first = psutil.Process(self.first)
        return [first, *first.children(recursive=True)]

    def listening(self) -> set[tuple[str, int, str]]:
        """Return protocol, port and address of all sockets that listen in its network.

        UDP has no state for it: a socket whose port the system chose has only sent.
        """
        command = ["nsenter", "--target", str(self.first), "--net", "--", "ss", "-H", "-l", "-n", "-t", "-u"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        fields = (line.split() for line in shown.splitlines())
        pairs = ((one[0], one[4].rpartition(":")) for one in fields)
        found = {(protocol, int(port), address.strip("[]")) for protocol, (address, _, port) in pairs}
        chosen = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        return {one for one in found if one[0] == "tcp" or one[1] < chosen}

    def tail(self, lines: int = 30) -> str:
        """Return the end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def make_bridge(address: str) -> None:
    """Make the network that all containers are in; this process has an address in it too."""
    for command in (
        "ip link set lo up",
        f"ip link add {BRIDGE} type bridge",
        f"ip addr add {address}/{_PREFIX} dev {BRIDGE}",
        f"ip link set {BRIDGE} up",
    ):
        subprocess.run(command.split(), check=True)


def start(service: Service, image: Image, folder: Path, volumes: Path, hosts: str) -> Container:
    """Start the container of a service.

    Args:
        service: What the file says.
        image: Its image.
        folder: Folder for its changes to the root folder (on a tmpfs), and for its log.
        volumes: Folder of the named volumes.
        hosts: Its /etc/hosts; the second line has its own address and host name.
    """
    address, hostname = hosts.splitlines()[1].split()
    changes, work, root = (folder / name for name in ("changes", "work", "root"))
    for one in (changes / "etc", work, root):
        one.mkdir(parents=True)
    (changes / "etc" / "hosts").write_text(hosts)
    (changes / "etc" / "resolv.conf").write_text("")
    uid, gid, home = _user(image.root, service.user or image.user)
    environment = {"HOME": home, "HOSTNAME": hostname, **image.environment, **service.environment}
    rights = _rights(service, uid, gid)
    init = ["tini", "--"] if service.init else []
    command = [*rights, *init, *image.entrypoint, *(service.command or image.command)]
    script = [
        f"mount -t overlay overlay -o lowerdir={image.root},upperdir={changes},workdir={work} {root}",
        *system(str(root)),
        *bind(str(root), image.mounts),
        *_mounts(str(root), service, image, volumes),
        "until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done",
        f"ip addr add {address}/{_PREFIX} dev eth0 && ip link set eth0 up && ip link set lo up",
        f"hostname {hostname}",
        f"cd {root} && mkdir -p .old && pivot_root . .old && umount -l .old && rmdir .old",
        f"cd {image.workdir} && exec {shlex.join(command)}",
    ]
    namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"]
    log = folder / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["unshare", *namespaces, "--", "sh", "-ec", "\n".join(script)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    _connect(process.pid, f"to-{address.rpartition('.')[2]}")
    return Container(service.name, address, log, environment, process, rights)


def _rights(service: Service, uid: int, gid: int) -> list[str]:
    options = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--inh-caps=-all"]
    if service.dropped == {"ALL"}:
        options.append("--bounding-set=-all")
    if "no-new-privileges:true" in service.security:
        options.append("--no-new-privs")
    return ["setpriv", *options, "--"]


def _user(root: Path, name: str) -> tuple[int, int, str]:
    """Return ids and home of a user, or of ids as `1000:1000`, by the image's /etc/passwd."""
    lines = (line.split(":") for line in (root / "etc" / "passwd").read_text().splitlines())
    known = {one[0]: (int(one[2]), int(one[3]), one[5]) for one in lines}
    if name in known:
        return known[name]
    uid, _, gid = name.partition(":")
    homes = [home for number, _, home in known.values() if number == int(uid)]
    return int(uid), int(gid or uid), homes[0] if homes else "/"


def _mounts(root: str, service: Service, image: Image, volumes: Path) -> list[str]:
    found: list[str] = []
    for mount in sorted(service.mounts, key=lambda one: one.target):
        source = mount.source or _volume(volumes / str(mount.volume), mount, image)
        if not source.exists():
            raise FileNotFoundError(f"{service.name} mounts {source}, which does not exist")
        found += bind(root, {mount.target: source}, read_only=mount.read_only)
    for target, options in service.tmpfs.items():
        found += [f"mkdir -p {root}{target}", f"mount -t tmpfs -o {options} tmpfs {root}{target}"]
    return found


def _volume(folder: Path, mount: Mount, image: Image) -> Path:
    """A new volume has owner and mode of the image's folder in its place, as Docker gives it; else it is root's."""
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o755)
        place = image.root / mount.target.lstrip("/")
        if place.exists():
            of_image = place.stat()
            os.chown(folder, of_image.st_uid, of_image.st_gid)
            folder.chmod(of_image.st_mode & 0o7777)
    return folder


def _connect(pid: int, name: str) -> None:
    """Give a process's network, once it is its own, a cable to the bridge."""
    deadline = time.monotonic() + _BEGIN_SECONDS
    ours, theirs = Path("/proc/self/ns/net"), Path(f"/proc/{pid}/ns/net")
    while theirs.readlink() == ours.readlink():
        if time.monotonic() > deadline:
            raise RuntimeError(f"process {pid} has no network of its own")
        time.sleep(0.02)
    for command in (
        f"ip link add {name} type veth peer name eth0 netns {pid}",
        f"ip link set {name} master {BRIDGE} up",
    ):
        subprocess.run(command.split(), check=True)
