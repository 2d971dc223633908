"""Worlds whose storage can fail: lake and workspace in Azure storage, or the workspace on a separate small disk."""

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
    """Lake and workspace in Azure storage; Airflow uses a proxy, the matrix itself does not."""

    proxy: StorageProxy = field(init=False)
    _cleaning: ExitStack = field(default_factory=ExitStack, init=False)
    _endpoint: azurite.AzuriteEndpoint = field(init=False)

    def start(self) -> None:
        """Also start the storage, and write Airflow's connection to it."""
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
        """Also stop the storage."""
        super().stop()
        self._cleaning.close()

    @cached_property
    def filesystem(self) -> fsspec.AbstractFileSystem:  # type: ignore[override]
        """The storage without the proxy."""
        return adlfs.AzureBlobFileSystem(
            connection_string=self._endpoint.connection_string,
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    @property
    def lake(self) -> str:
        return f"{_CONTAINER}/segments"

    @property
    def locations(self) -> dict[str, Any]:
        return {
            name: {"connection": f"{self.name}-lake", "root": f"abfs://{_CONTAINER}/{path}"}
            for name, path in (("source", "segments"), ("workspace", "workspace"))
        }

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.filesystem, f"{_CONTAINER}/workspace")

    def fail_storage(self, *faults: StorageFault) -> None:
        """Make requests from Airflow to the storage fail."""
        self.proxy.faults.extend(faults)

    def unused_faults(self) -> list[str]:
        return [*super().unused_faults(), *self.proxy.unused_faults()]


@dataclass
class DiskWorld(World):
    """The workspace on a separate file system, which can be filled and made read-only.

    It must be mounted: if that is forbidden, the row says so and counts as not run.
    """

    def start(self) -> None:
        """Also mount or unmount the disk."""
        self.workspace_folder.mkdir(parents=True)
        self._mount("-t", "tmpfs", "-o", f"size={_DISK},mode=0700", "tmpfs")
        super().start()

    def stop(self) -> None:
        """Also mount or unmount the disk."""
        super().stop()
        subprocess.run(["umount", "-l", str(self.workspace_folder)], check=False, capture_output=True)

    def fill(self) -> None:
        """Fill the disk completely."""
        with (self.workspace_folder / "ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def free(self) -> None:
        """Free the space again."""
        (self.workspace_folder / "ballast").unlink()

    def make_read_only(self, *, value: bool) -> None:
        """Remount read-only, like a disk after an error, or writable."""
        self._mount("-o", f"remount,{'ro' if value else 'rw'},size={_DISK},mode=0700")

    def messages(self, run_id: str) -> str:
        """Return the tasks' logs, as no report can be written here."""
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
