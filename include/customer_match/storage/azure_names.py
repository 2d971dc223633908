"""The file system of a storage account: adlfs, but with exact blob names and stored bytes. Every reader uses it.

adlfs parses each path as a URL (observed: adlfs 2026.8.0, fsspec 2026.9.0, whose `infer_storage_options` calls
`urlsplit`): a `#` or `?` at the end of a name is dropped, `a?b#c` becomes `a#c?b`, and tabs and line breaks are
removed. A table `C#` would be filled with the data of `C`. Its `ls` sorts blobs by counting slashes: if there is an
empty blob `folder/`, it lists nothing else of the folder, and `find` reports a folder marker as a file.

It also lets Azure's client decompress blobs that have the property `Content-Encoding: gzip`, each range by itself
(observed: azure-storage-blob 12.31.1): a range of compressed bytes becomes another number of other bytes.

Import it only to open an account: importing adlfs takes a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import adlfs
from azure.core.exceptions import ResourceNotFoundError
from fsspec.asyn import sync

__all__ = ["AzureNames"]

# Documented for accounts with a hierarchical namespace, and also written by Hadoop and others; the second is adlfs's
# own. The SDK returns metadata names as stored, and some programs capitalise them.
_FOLDER_METADATA: Final = ("hdi_isfolder", "is_directory")


class AzureNames(adlfs.AzureBlobFileSystem):  # type: ignore[misc]  # adlfs has no types
    """The file system of a storage account. Paths are `container/name`; only `/` has a special meaning in a name."""

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
        """Return container and name of a blob; never a version, which adlfs reads from any name with `?versionid=`."""
        container, _, name = self._strip_protocol(path).partition(delimiter)
        return container, name, None

    def list_folder(self, folder: str) -> list[Mapping[str, Any]]:
        """List the entries directly in a folder or container, in the form of fsspec's `ls`.

        Raises:
            FileNotFoundError: The folder does not exist.
        """
        found: list[Mapping[str, Any]] = sync(self.loop, self._list_folder, folder)
        return found

    def walk_files(self, folder: str) -> dict[str, Mapping[str, Any]]:
        """Return all blobs below a folder at any depth, by path, without folder markers; empty if there is no folder.

        A non-empty blob whose name ends in a slash counts as a file, because it may hold data.
        """
        found: dict[str, Mapping[str, Any]] = sync(self.loop, self._walk_files, folder)
        return found

    def find_paths(self, folder: str) -> list[str]:
        """Return the paths of all blobs below a folder, including folder markers."""
        found: list[str] = sync(self.loop, self._find_paths, folder)
        return found

    async def _cat_file(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        max_concurrency: int | None = None,
        **_: Any,
    ) -> bytes:
        """Read a blob or a range of it as it is stored.

        adlfs's `open` and `get_file` still decompress; no reader uses them.
        """
        container, name, _version = self.split_path(path)
        length = None if end is None else end - (start or 0)
        async with self.service_client.get_blob_client(container, name) as blob:
            try:
                content = await blob.download_blob(
                    offset=start if length is None else start or 0,
                    length=length,
                    max_concurrency=max_concurrency or self.max_concurrency,
                    decompress=False,
                    **self._timeout_kwargs,
                )
            except ResourceNotFoundError:
                raise FileNotFoundError(path) from None
            return cast("bytes", await content.readall())

    async def _list_folder(self, folder: str) -> list[Mapping[str, Any]]:
        container, prefix = self._prefix(folder)
        entries: dict[str, Mapping[str, Any]] = {}
        is_there = not prefix
        try:
            async with self.service_client.get_container_client(container) as client:
                async for blob in client.walk_blobs(name_starts_with=prefix, include=["metadata"]):
                    is_there = True
                    if blob.name != prefix:  # its own marker
                        info = _describe(container, blob)
                        entries[info["name"]] = _choose_entry(entries.get(info["name"]), info)
        except ResourceNotFoundError:
            raise FileNotFoundError(folder) from None
        if not is_there and not await self._is_empty_folder(container, prefix):
            raise FileNotFoundError(folder)
        return list(entries.values())

    async def _walk_files(self, folder: str) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        container, prefix = self._prefix(folder)
        try:
            async with self.service_client.get_container_client(container) as client:
                async for blob in client.list_blobs(name_starts_with=prefix, include=["metadata"]):
                    info = _describe(container, blob)
                    if info["type"] == "file":
                        found[info["name"]] = info
        except ResourceNotFoundError:  # no such container
            return {}
        return found

    async def _find_paths(self, folder: str) -> list[str]:
        container, prefix = self._prefix(folder)
        try:
            async with self.service_client.get_container_client(container) as client:
                return [
                    f"{container}/{blob.name}" async for blob in client.list_blobs(name_starts_with=prefix)
                ]
        except ResourceNotFoundError:
            return []

    async def _is_empty_folder(self, container: str, prefix: str) -> bool:
        """Return whether an empty folder exists; an account with hierarchical namespace has a marker for it."""
        try:
            info: Mapping[str, Any] = await self._info(f"{container}/{prefix.rstrip('/')}")
        except FileNotFoundError:
            return False
        return bool(info["type"] == "directory")

    def _prefix(self, folder: str) -> tuple[str, str]:
        container, name, _ = self.split_path(folder)
        return container, f"{name.rstrip('/')}/" if name else ""


def _describe(container: str, blob: Any) -> dict[str, Any]:
    """Convert a blob or a name prefix of a listing to fsspec's form."""
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
    lowered = {name.lower(): value.lower() for name, value in metadata.items()}
    return any(lowered.get(name) == "true" for name in _FOLDER_METADATA)


def _choose_entry(known: Mapping[str, Any] | None, info: Mapping[str, Any]) -> Mapping[str, Any]:
    """Choose between entries with one name: a folder, its marker, and perhaps a blob. The blob wins."""
    return known if known and known["type"] == "file" else info
