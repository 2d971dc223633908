"""Where a folder or table is, taken apart: on this machine, in Azure, or in a storage that Airflow opens.

One rule for what may be written as a place, for the export file and for what opens places.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

__all__ = ["Location"]

_LOCAL: Final = frozenset({"file", "local"})
_AZURE_URLS: Final = frozenset({"abfs", "abfss", "az", "wasb", "wasbs", "https"})
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_BUCKET: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::[0-9]+)?")
_CONTAINER: Final = re.compile(
    r"\$root|\$web|[a-z0-9](?:-?[a-z0-9]){2,62}"
)  # documented: naming of containers
# The account's own domain: also of other clouds, and of accounts in DNS zones (documented: DNS endpoints).
_HOST: Final = re.compile(r"[a-z0-9]{3,24}(?:\.[a-z0-9-]+)+")
_AZURE_HOST: Final = re.compile(r"[a-z0-9]{3,24}(?:\.z[0-9]+)?\.(?:blob|dfs)\.[a-z0-9.-]+")

_HOW: Final = (
    "Write abfs://container/folder, abfs://container@account.dfs.core.windows.net/folder, s3://bucket/folder or "
    "the like, or a local folder"
)
_REFUSED: Final = {
    "http": "is a web address without encryption. Write the folder as abfs://container/folder",
    "adl": "is in Azure Data Lake Storage Gen1, which Microsoft has ended. Move the tables to a storage account. "
    "Write abfs://container/folder",
    "memory": "is the memory of one process, which no other task sees. Write a folder of a storage",
}


@dataclass(frozen=True)
class Location:
    """A place.

    Attributes:
        scheme: `file`; `abfs` for every spelling of a place in Azure; else that of the URL.
        path: As written for a local folder; `container/path` in Azure; `bucket/path` elsewhere.
        host: The storage account's host, where a place in Azure names it.
    """

    scheme: str
    path: str
    host: str | None = None

    @classmethod
    def of(cls, text: str) -> Location:
        """Take a path or URL apart.

        Raises:
            ValueError: It is no place; with what is wrong and the remedy, and without the text itself.
        """
        scheme, separator, rest = text.partition("://")
        if not separator:
            return cls("file", text)
        if scheme in _LOCAL:
            if not rest.startswith("/"):
                raise ValueError(f"is not a folder that can be reached. {_HOW}")
            return cls("file", rest)
        if scheme in _REFUSED:
            raise ValueError(_REFUSED[scheme])
        if scheme == "https":
            rest = _of_web_address(rest)
        if ".." in rest.split("/"):
            raise ValueError("holds `..`, which means nothing in a storage. Write the path itself")
        return _in_azure(rest) if scheme in _AZURE_URLS else _elsewhere(scheme, rest)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return self.scheme == "file"

    @property
    def is_azure(self) -> bool:
        """Whether it is in Azure."""
        return self.scheme == "abfs"

    @property
    def can_be_workspace(self) -> bool:
        """Whether a file can be created there on condition that there is none, which keeps two runs apart.

        Proved for local disks and Azure. Others may offer it, but not all that fsspec opens do.
        """
        return self.is_local or self.is_azure

    @property
    def url(self) -> str:
        """The place as a URL, or the plain path of a local one."""
        if self.is_local:
            return self.path
        container, slash, path = self.path.partition("/")
        return f"{self.scheme}://{container}{f'@{self.host}' if self.host else ''}{slash}{path}"


def _in_azure(rest: str) -> Location:
    """`container/path` or `container@host/path`; `#` and `?` are letters of a path here."""
    place, _, path = rest.partition("/")
    container, at, host = place.partition("@")
    if not _CONTAINER.fullmatch(container):
        raise ValueError(
            "is not a folder that can be reached: containers have names of 3 to 63 lower-case letters, digits and "
            f"hyphens. {_HOW}"
        )
    if at and not _HOST.fullmatch(host):
        raise ValueError(
            "is not a folder that can be reached: what follows the @ must be the storage account's host. Write "
            "abfs://container@account.dfs.core.windows.net/folder"
        )
    return Location("abfs", f"{container}/{path.strip('/')}".rstrip("/"), host or None)


def _of_web_address(rest: str) -> str:
    """`account.blob.core.windows.net/container/path`, as Azure's pages show it (percent-encoded), the other way."""
    host, _, path = rest.partition("/")
    if not _AZURE_HOST.fullmatch(host):
        raise ValueError(f"is a web address, but not one of Azure storage. {_HOW}")
    container, _, below = unquote(path).partition("/")
    return f"{container}@{host}/{below}"


def _elsewhere(scheme: str, rest: str) -> Location:
    bucket, _, path = rest.partition("/")
    if not _SCHEME.fullmatch(scheme) or not _BUCKET.fullmatch(bucket):
        raise ValueError(f"is not a folder that can be reached. {_HOW}")
    return Location(scheme, f"{bucket}/{path.strip('/')}".rstrip("/"))
