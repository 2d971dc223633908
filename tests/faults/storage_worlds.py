"""Worlds whose lake and workspace lie where faults can strike: in Azure storage, or on a small disk of their own."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import adlfs
import fsspec
import httpx
from propcache.api import cached_property

from customer_match.workspace.workspace import Workspace
from customer_match_demo import azurite
from tests.faults.storage_proxy import StorageFault, StorageProxy
from tests.faults.world import World

__all__ = ["AzureWorld", "DiskWorld", "NotRun"]

_CONTAINER = "lake"
_DISK = "32m"


@dataclass
class AzureWorld(World):
    """Lake and workspace in Azure storage; Airflow reaches it by a proxy, the matrix itself does not."""

    proxy: StorageProxy = field(init=False)
    _cleaning: ExitStack = field(default_factory=ExitStack, init=False)
    _endpoint: azurite.AzuriteEndpoint = field(init=False)

    def start(self) -> None:
        """The storage too, and Airflow's connection to it."""
        self._endpoint = self._cleaning.enter_context(azurite.running(self.folder / "azurite"))
        address = httpx.URL(self._endpoint.blob_url)
        self.proxy = self._cleaning.enter_context(StorageProxy(address.port or 0))
        self.filesystem.mkdir(_CONTAINER)
        through = str(address.copy_with(port=self.proxy.port))
        text = self._endpoint.connection_string.replace(self._endpoint.blob_url, through)
        self.airflow.api.post(
            "/connections",
            {
                "connection_id": f"{self.name}-lake",
                "conn_type": "wasb",
                "login": self._endpoint.account_name,
                "password": None,
                "extra": json.dumps({"connection_string": text}),
            },
        )
        super().start()

    def stop(self) -> None:
        """The storage too."""
        super().stop()
        self._cleaning.close()

    @cached_property
    def filesystem(self) -> fsspec.AbstractFileSystem:  # type: ignore[override]
        """Past the proxy."""
        return adlfs.AzureBlobFileSystem(
            connection_string=self._endpoint.connection_string,
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    @property
    def lake(self) -> str:
        return f"{_CONTAINER}/segments"

    @property
    def places(self) -> dict[str, Any]:
        return {
            name: {"connection": f"{self.name}-lake", "root": f"abfs://{_CONTAINER}/{path}"}
            for name, path in (("source", "segments"), ("workspace", "workspace"))
        }

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.filesystem, f"{_CONTAINER}/workspace")

    def strike_storage(self, *faults: StorageFault) -> None:
        """Let requests of Airflow's to the storage fail."""
        self.proxy.faults.extend(faults)

    def unstruck(self) -> list[str]:
        return [*super().unstruck(), *self.proxy.unstruck()]


@dataclass
class DiskWorld(World):
    """The workspace on a file system of its own, which can be filled and made read-only.

    Needs to mount: where that is forbidden, the row says so and counts as not run.
    """

    def start(self) -> None:
        """The disk too."""
        self.workspace_folder.mkdir(parents=True)
        self._mount("-t", "tmpfs", "-o", f"size={_DISK},mode=0700", "tmpfs")
        super().start()

    def stop(self) -> None:
        """The disk too."""
        super().stop()
        subprocess.run(["umount", "-l", str(self.workspace_folder)], check=False, capture_output=True)

    def fill(self) -> None:
        """Leave not a byte."""
        with (self.workspace_folder / "ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def free(self) -> None:
        """Free the space."""
        (self.workspace_folder / "ballast").unlink()

    def make_read_only(self, *, value: bool) -> None:
        """Like a disk after an error, or a volume that was mounted so."""
        self._mount("-o", f"remount,{'ro' if value else 'rw'},size={_DISK},mode=0700")

    def said(self, run_id: str) -> str:
        """No report can be written here: what the tasks' logs say."""
        logs = [
            self.airflow.api.log(self.name, run_id, task["task_id"], task["map_index"], task["try_number"])
            for task in self.airflow.api.instances(self.name, run_id)
            if task["state"] == "failed"
        ]
        return "\n".join(line for log in logs for line in log.splitlines())

    def _mount(self, *options: str) -> None:
        done = subprocess.run(
            ["mount", *options, str(self.workspace_folder)], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise NotRun(f"no file system can be mounted here: {done.stderr.strip()}")


class NotRun(Exception):
    """The machine lacks what the row needs."""
