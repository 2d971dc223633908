"""adlfs with the names of blobs as they are: the file system of a storage account that every reader gets.

adlfs takes each path apart as a URL (observed: adlfs 2026.8.0, fsspec 2026.9.0, whose `infer_storage_options` calls
`urlsplit`): a `#` or `?` at the end of a name is dropped, `a?b#c` becomes `a#c?b`, tabs and line breaks go. So the
table `C#` was filled with what `C` holds. Its `ls` sorts blobs by counting slashes: beside an empty blob `folder/`
nothing else of the folder is seen, and a marker of a folder passes for a file in `find`.

Imported only where an account is opened: adlfs takes a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import adlfs
from azure.core.exceptions import ResourceNotFoundError
from fsspec.asyn import sync

__all__ = ["AzureNames"]

# Documented for accounts with a hierarchical namespace, and written by Hadoop and others; then adlfs's own. The SDK
# gives the names of metadata as the account has them, and some write them with a capital.
_FOLDER_SIGNS: Final = ("hdi_isfolder", "is_directory")


class AzureNames(adlfs.AzureBlobFileSystem):  # type: ignore[misc]  # adlfs has no types
    """The file system of a storage account. Paths are `container/name`; nothing in a name has a meaning but `/`."""

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = str(path)
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in cls.protocol:
            return text.lstrip("/")
        container, slash, name = rest.partition("/")
        return f"{container.partition('@')[0]}{slash}{name}"

    def split_path(
        self,
        path: str,
        delimiter: str = "/",
        return_container: bool = False,  # noqa: ARG002, FBT001, FBT002 (adlfs's signature)
        **_: Any,
    ) -> tuple[str, str, str | None]:
        """Container and name of a blob; never a version, which adlfs finds in any name with `?versionid=`."""
        container, _, name = self._strip_protocol(path).partition(delimiter)
        return container, name, None

    def entries_in(self, folder: str) -> list[Mapping[str, Any]]:
        """What lies directly in a folder or container, as fsspec's `ls` tells it.

        Raises:
            FileNotFoundError: There is no such folder.
        """
        found: list[Mapping[str, Any]] = sync(self.loop, self._entries_in, folder)
        return found

    def files_below(self, folder: str) -> dict[str, Mapping[str, Any]]:
        """All blobs at any depth below a folder that are no markers of folders, by their paths; none without a folder.

        One whose name ends in a slash and that has content is a file: it could be somebody's data.
        """
        found: dict[str, Mapping[str, Any]] = sync(self.loop, self._files_below, folder)
        return found

    def paths_below(self, folder: str) -> list[str]:
        """The paths of all blobs below a folder, markers included."""
        found: list[str] = sync(self.loop, self._paths_below, folder)
        return found

    async def _entries_in(self, folder: str) -> list[Mapping[str, Any]]:
        container, prefix = self._prefix(folder)
        entries: dict[str, Mapping[str, Any]] = {}
        is_there = not prefix
        try:
            async with self.service_client.get_container_client(container) as client:
                async for blob in client.walk_blobs(name_starts_with=prefix, include=["metadata"]):
                    is_there = True
                    if blob.name != prefix:  # its own marker
                        info = _described(container, blob)
                        entries[info["name"]] = _both(entries.get(info["name"]), info)
        except ResourceNotFoundError:
            raise FileNotFoundError(folder) from None
        if not is_there and not await self._is_empty_folder(container, prefix):
            raise FileNotFoundError(folder)
        return list(entries.values())

    async def _files_below(self, folder: str) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        container, prefix = self._prefix(folder)
        try:
            async with self.service_client.get_container_client(container) as client:
                async for blob in client.list_blobs(name_starts_with=prefix, include=["metadata"]):
                    info = _described(container, blob)
                    if info["type"] == "file":
                        found[info["name"]] = info
        except ResourceNotFoundError:  # no such container
            return {}
        return found

    async def _paths_below(self, folder: str) -> list[str]:
        container, prefix = self._prefix(folder)
        try:
            async with self.service_client.get_container_client(container) as client:
                return [
                    f"{container}/{blob.name}" async for blob in client.list_blobs(name_starts_with=prefix)
                ]
        except ResourceNotFoundError:
            return []

    async def _is_empty_folder(self, container: str, prefix: str) -> bool:
        """Whether there is a marker, of an account with a hierarchical namespace, of a folder without anything."""
        try:
            info: Mapping[str, Any] = await self._info(f"{container}/{prefix.rstrip('/')}")
        except FileNotFoundError:
            return False
        return bool(info["type"] == "directory")

    def _prefix(self, folder: str) -> tuple[str, str]:
        container, name, _ = self.split_path(folder)
        return container, f"{name.rstrip('/')}/" if name else ""


def _described(container: str, blob: Any) -> dict[str, Any]:
    """What a listing says of a blob, or of the names with one beginning, as fsspec tells it."""
    path = f"{container}/{blob.name}"
    if not blob.has_key("size"):
        return {"name": path.removesuffix("/"), "type": "directory", "size": None}
    if not blob.size and (blob.name.endswith("/") or _is_marker(blob.metadata or {})):
        return {"name": path.removesuffix("/"), "type": "directory", "size": None}
    return {
        "name": path,
        "type": "file",
        "size": blob.size,
        "last_modified": blob.last_modified,
        "etag": blob.etag,
    }


def _is_marker(metadata: Mapping[str, str]) -> bool:
    told = {name.lower(): value.lower() for name, value in metadata.items()}
    return any(told.get(sign) == "true" for sign in _FOLDER_SIGNS)


def _both(known: Mapping[str, Any] | None, info: Mapping[str, Any]) -> Mapping[str, Any]:
    """A folder and its marker have one name, and so may have a blob: that one goes before, so that it is seen."""
    return known if known and known["type"] == "file" else info
