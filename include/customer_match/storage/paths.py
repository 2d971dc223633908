"""What lies at which path of a storage: the one way by which readers ask file systems for names and contents.

File systems of fsspec differ in what they make of names, and some are wrong (docs/lake-layouts.md#names). What holds
here for all of them: a path means itself, letter by letter, and no pattern; what is found below a folder lies below
it, or is refused; a marker of a folder is no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import fsspec
from fsspec.asyn import AsyncFileSystem

from customer_match.errors import ConfigurationError, TerminalError

if TYPE_CHECKING:
    from customer_match.storage.azure_names import AzureNames

__all__ = [
    "content_of",
    "entries_in",
    "exact",
    "files_below",
    "info_of",
    "is_in_azure",
    "opened",
    "paths_below",
    "sole_info_of",
]

# `container/key/` objects of consoles, and Hadoop's for storages without folders.
_MARKERS: Final = ("/", "_$folder$")


def exact(filesystem: fsspec.AbstractFileSystem) -> fsspec.AbstractFileSystem:
    """The file system that takes names as they are: for an account in Azure ours in place of adlfs's own."""
    if not type(filesystem).__module__.startswith("adlfs"):
        return filesystem
    from customer_match.storage.azure_names import AzureNames  # noqa: PLC0415 (takes a second; adlfs is there)

    return AzureNames(*filesystem.storage_args, **{**filesystem.storage_options, "use_listings_cache": False})


def is_in_azure(filesystem: fsspec.AbstractFileSystem) -> bool:
    """Whether it is an account in Azure, or its emulator."""
    return "abfs" in _protocols(filesystem)


def info_of(filesystem: fsspec.AbstractFileSystem, path: str) -> Mapping[str, Any]:
    """What fsspec says of one path: `name`, `type` (`file`, `directory`), `size`, and times and tags by its own words.

    Raises:
        FileNotFoundError: There is nothing. Others as the file system has them.
    """
    try:
        info: Mapping[str, Any] = exact(filesystem).info(path)
    except NotADirectoryError as error:  # below a file there is nothing
        raise FileNotFoundError(path) from error
    if str(info["name"]).rstrip("/") != path.rstrip("/") and not _is_local(filesystem):
        raise _astray(filesystem, path, str(info["name"]))
    return info


def sole_info_of(filesystem: fsspec.AbstractFileSystem, path: str) -> Mapping[str, Any]:
    """As `info_of`, and sure that the path does not mean two things.

    Raises:
        FileNotFoundError: There is nothing.
        ConfigurationError: There are a file and a folder of this name, which a storage of objects may have.
    """
    info = info_of(filesystem, path)
    if info["type"] == "file" and not _is_local(filesystem) and _is_folder(filesystem, path):
        where = exact(filesystem).unstrip_protocol(path)
        raise ConfigurationError(
            f"{where} is a file and also a folder with files in it: which of them is the table cannot be told. Rename "
            "or delete one of the two."
        )
    return info


def entries_in(filesystem: fsspec.AbstractFileSystem, folder: str) -> list[Mapping[str, Any]]:
    """What lies directly in a folder, as `info_of` tells it.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if azure := _azure(filesystem):
        return azure.entries_in(folder)
    try:
        listed = filesystem.ls(folder, detail=True)
    except NotADirectoryError as error:
        raise FileNotFoundError(folder) from error
    return [info for info in listed if _is_below(filesystem, str(info["name"]), folder)]


def files_below(filesystem: fsspec.AbstractFileSystem, folder: str) -> dict[str, Mapping[str, Any]]:
    """What fsspec says of all files below a folder, at any depth, by their paths.

    Some file systems list all of them at once. The others walk from folder to folder, and the walk that fsspec gives
    them passes over folders that may not be listed, whatever it is told (observed: fsspec 2026.9): it is made here.
    Where there is no such folder, some raise FileNotFoundError, and others find nothing.
    """
    if azure := _azure(filesystem):
        return azure.files_below(folder)
    found = dict(_walked(filesystem, folder)) if _walks(filesystem) else filesystem.find(folder, detail=True)
    return {
        path: info
        for path, info in found.items()
        if info.get("type") != "directory"
        and not (path.endswith(_MARKERS) and not info.get("size"))
        and _is_below(filesystem, path, folder)
    }


def paths_below(filesystem: fsspec.AbstractFileSystem, folder: str) -> list[str]:
    """Everything that has to be deleted for an account's folder to be gone: files, markers, and the folder itself."""
    azure = _azure(filesystem)
    return azure.paths_below(folder) if azure else [folder]


def content_of(filesystem: fsspec.AbstractFileSystem, path: str, start: int, end: int) -> bytes:
    """The bytes of a file from one place up to another.

    Raises:
        FileNotFoundError: There is none.
    """
    if end <= start:  # adlfs asks for a range that ends before it begins
        return b""
    content: bytes = exact(filesystem).cat_file(path, start=start, end=end)
    return content


def opened(filesystem: fsspec.AbstractFileSystem, path: str) -> Any:
    """A file, open for reading; nothing more is read than asked for.

    Raises:
        FileNotFoundError: There is none.
    """
    return exact(filesystem).open(path, "rb", cache_type="none")


def _azure(filesystem: fsspec.AbstractFileSystem) -> AzureNames | None:
    own = exact(filesystem)
    return cast("AzureNames", own) if hasattr(own, "paths_below") else None


def _is_local(filesystem: fsspec.AbstractFileSystem) -> bool:
    return "file" in _protocols(filesystem)


def _protocols(filesystem: fsspec.AbstractFileSystem) -> tuple[str, ...]:
    known = filesystem.protocol
    return (known,) if isinstance(known, str) else tuple(known)


def _is_folder(filesystem: fsspec.AbstractFileSystem, path: str) -> bool:
    try:
        listed = entries_in(filesystem, path)
    except FileNotFoundError:
        return False
    return any(str(info["name"]).rstrip("/") != path for info in listed)


def _walks(filesystem: fsspec.AbstractFileSystem) -> bool:
    kind = type(filesystem)
    if isinstance(filesystem, AsyncFileSystem):
        return bool(kind._find is AsyncFileSystem._find)  # noqa: SLF001 (what they override)
    return bool(kind.find is fsspec.AbstractFileSystem.find)


def _walked(filesystem: fsspec.AbstractFileSystem, root: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            listed = filesystem.ls(folder, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            if folder == root:
                raise
            continue  # it was there a moment ago: now there is nothing in it
        for info in listed:
            path = info["name"].rstrip("/")
            if info["type"] == "directory" and path != folder:
                folders.append(path)
            else:
                yield info["name"], info


def _is_below(filesystem: fsspec.AbstractFileSystem, path: str, folder: str) -> bool:
    """Whether a found name lies below a folder; the folder's own, which some list too, does not.

    Raises:
        TerminalError: It lies elsewhere: the file system has taken the folder's name for another one.
    """
    root = folder.rstrip("/")
    if path.rstrip("/") == root:
        return False
    if not path.startswith(f"{root}/"):
        raise _astray(filesystem, folder, path)
    return True


def _astray(filesystem: fsspec.AbstractFileSystem, path: str, found: str) -> TerminalError:
    return TerminalError(
        f"Asked for {filesystem.unstrip_protocol(path)}, the storage's client ({type(filesystem).__module__}) answers "
        f"with {found}, which lies elsewhere: it takes a character of the name for something else. Rename the folder."
    )
