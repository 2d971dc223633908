"""Read names and contents of a storage by exact path; all readers use these functions.

fsspec's file systems treat names differently, and some wrongly (docs/lake-layouts.md#names). These functions guarantee
for all of them: a path is taken literally, never as a pattern; everything found below a folder is really below it, or
an error is raised; folder markers are not reported as files; and in Azure, bytes are those that are stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import fsspec
from fsspec.asyn import AsyncFileSystem

from customer_match.errors import ConfigurationError, TerminalError

if TYPE_CHECKING:
    from fsspec.implementations.local import LocalFileSystem

    from customer_match.storage.azure_names import AzureNames

__all__ = [
    "find_paths",
    "get_info",
    "get_unambiguous_info",
    "is_in_azure",
    "list_folder",
    "open_local_file",
    "read_range",
    "walk_files",
    "with_exact_names",
]

# `container/key/` objects made by consoles, and Hadoop's for storages without folders.
_MARKERS: Final = ("/", "_$folder$")


def with_exact_names(filesystem: fsspec.AbstractFileSystem) -> fsspec.AbstractFileSystem:
    """Return a file system that takes names literally: for an Azure account, ours instead of adlfs's own."""
    if not type(filesystem).__module__.startswith("adlfs"):
        return filesystem
    from customer_match.storage.azure_names import AzureNames  # noqa: PLC0415 (takes a second; adlfs is there)

    return AzureNames(*filesystem.storage_args, **{**filesystem.storage_options, "use_listings_cache": False})


def is_in_azure(filesystem: fsspec.AbstractFileSystem) -> bool:
    """Return whether it is an account in Azure, or its emulator."""
    return "abfs" in _protocols(filesystem)


def get_info(filesystem: fsspec.AbstractFileSystem, path: str) -> Mapping[str, Any]:
    """Return fsspec's information about a path.

    Keys are `name`, `type` (`file`, `directory`), `size`, and the storage's own for times and tags.

    Raises:
        FileNotFoundError: The path does not exist. Other errors as the file system raises them.
    """
    try:
        info: Mapping[str, Any] = with_exact_names(filesystem).info(path)
    except NotADirectoryError as error:  # nothing exists below a file
        raise FileNotFoundError(path) from error
    if str(info["name"]).rstrip("/") != path.rstrip("/") and not _is_local(filesystem):
        raise _wrong_path_error(filesystem, path, str(info["name"]))
    return info


def get_unambiguous_info(filesystem: fsspec.AbstractFileSystem, path: str) -> Mapping[str, Any]:
    """Return the same as `get_info`, after checking that the path is not both a file and a folder.

    Raises:
        FileNotFoundError: The path does not exist.
        ConfigurationError: There are a file and a folder of this name, which is possible in an object storage.
    """
    info = get_info(filesystem, path)
    if info["type"] == "file" and not _is_local(filesystem) and _is_folder(filesystem, path):
        where = with_exact_names(filesystem).unstrip_protocol(path)
        raise ConfigurationError(
            f"{where} is both a file and a folder with files in it, so it is unclear which of them is the table. "
            "Rename or delete one of the two."
        )
    return info


def list_folder(filesystem: fsspec.AbstractFileSystem, folder: str) -> list[Mapping[str, Any]]:
    """List the entries directly in a folder, in the form of `get_info`.

    Raises:
        FileNotFoundError: The folder does not exist.
    """
    if azure := _azure(filesystem):
        return azure.list_folder(folder)
    try:
        listed = filesystem.ls(folder, detail=True)
    except NotADirectoryError as error:
        raise FileNotFoundError(folder) from error
    return [info for info in listed if _is_below(filesystem, str(info["name"]), folder)]


def walk_files(filesystem: fsspec.AbstractFileSystem, folder: str) -> dict[str, Mapping[str, Any]]:
    """Return fsspec's information about all files below a folder, at any depth, by path.

    Some file systems list all files at once. For the others, fsspec's own walk skips folders that cannot be listed, in
    all modes (observed: fsspec 2026.9), so this function walks them itself. If the folder does not exist, some raise
    FileNotFoundError and others return nothing.
    """
    if azure := _azure(filesystem):
        return azure.walk_files(folder)
    found = dict(_walk(filesystem, folder)) if _walks(filesystem) else filesystem.find(folder, detail=True)
    return {
        path: info
        for path, info in found.items()
        if info.get("type") != "directory"
        and not (path.endswith(_MARKERS) and not info.get("size"))
        and _is_below(filesystem, path, folder)
    }


def find_paths(filesystem: fsspec.AbstractFileSystem, folder: str) -> list[str]:
    """Return everything to delete so that an account's folder is gone: files, markers, and the folder itself."""
    azure = _azure(filesystem)
    return azure.find_paths(folder) if azure else [folder]


def read_range(filesystem: fsspec.AbstractFileSystem, path: str, start: int, end: int) -> bytes:
    """Read a range of a file, as it is stored.

    Raises:
        FileNotFoundError: The file does not exist.
    """
    if end <= start:  # adlfs would request an invalid range
        return b""
    content: bytes = with_exact_names(filesystem).cat_file(path, start=start, end=end)
    return content


def open_local_file(filesystem: LocalFileSystem, path: str) -> BinaryIO:
    """Open a file on a local disk for reading.

    Raises:
        FileNotFoundError: The file does not exist.
    """
    return cast("BinaryIO", filesystem.open(path, "rb"))


def _azure(filesystem: fsspec.AbstractFileSystem) -> AzureNames | None:
    own = with_exact_names(filesystem)
    return cast("AzureNames", own) if hasattr(own, "find_paths") else None


def _is_local(filesystem: fsspec.AbstractFileSystem) -> bool:
    return "file" in _protocols(filesystem)


def _protocols(filesystem: fsspec.AbstractFileSystem) -> tuple[str, ...]:
    known = filesystem.protocol
    return (known,) if isinstance(known, str) else tuple(known)


def _is_folder(filesystem: fsspec.AbstractFileSystem, path: str) -> bool:
    try:
        listed = list_folder(filesystem, path)
    except FileNotFoundError:
        return False
    return any(str(info["name"]).rstrip("/") != path for info in listed)


def _walks(filesystem: fsspec.AbstractFileSystem) -> bool:
    kind = type(filesystem)
    if isinstance(filesystem, AsyncFileSystem):
        return bool(kind._find is AsyncFileSystem._find)  # noqa: SLF001 (what they override)
    return bool(kind.find is fsspec.AbstractFileSystem.find)


def _walk(filesystem: fsspec.AbstractFileSystem, root: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            listed = filesystem.ls(folder, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            if folder == root:
                raise
            continue  # the folder was deleted in the meantime
        for info in listed:
            path = info["name"].rstrip("/")
            if info["type"] == "directory" and path != folder:
                folders.append(path)
            else:
                yield info["name"], info


def _is_below(filesystem: fsspec.AbstractFileSystem, path: str, folder: str) -> bool:
    """Return whether a found name is below a folder; the folder's own name, which some list too, is not.

    Raises:
        TerminalError: It is elsewhere, because the file system misread the folder's name.
    """
    root = folder.rstrip("/")
    if path.rstrip("/") == root:
        return False
    if not path.startswith(f"{root}/"):
        raise _wrong_path_error(filesystem, folder, path)
    return True


def _wrong_path_error(filesystem: fsspec.AbstractFileSystem, path: str, found: str) -> TerminalError:
    return TerminalError(
        f"The storage's client ({type(filesystem).__module__}) was asked for {filesystem.unstrip_protocol(path)} but "
        f"returned {found}, which is elsewhere: it misreads a character of the name. Rename the folder."
    )
