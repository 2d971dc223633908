"""Parse the location of a folder or table: on this machine, in Azure, or in a storage that Airflow opens.

The export file and the code that opens locations use the same rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from customer_match.storage import onelake

__all__ = ["Location"]

_LOCAL: Final = frozenset({"file", "local"})
_AZURE_URLS: Final = frozenset({"abfs", "abfss", "az", "wasb", "wasbs", "https"})
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_BUCKET: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::[0-9]+)?")
_CONTAINER: Final = re.compile(
    r"\$root|\$web|[a-z0-9](?:-?[a-z0-9]){2,62}"
)  # documented: naming of containers
# The account's own domain, also in other clouds and DNS zones (documented: DNS endpoints).
_HOST: Final = re.compile(r"[a-z0-9]{3,24}(?:\.[a-z0-9-]+)+")
_AZURE_HOST: Final = re.compile(r"[a-z0-9]{3,24}(?:\.z[0-9]+)?\.(?:blob|dfs)\.[a-z0-9.-]+")

_EXAMPLES: Final = (
    "Write abfs://container/folder, abfs://container@account.dfs.core.windows.net/folder, s3://bucket/folder or "
    "similar, or a local folder"
)
_REFUSED: Final = {
    "http": "is a web address without encryption. Write the folder as abfs://container/folder",
    "adl": "is in Azure Data Lake Storage Gen1, which Microsoft has retired. Move the tables to a storage account. "
    "Write abfs://container/folder",
    "memory": "is the memory of one process, which other tasks cannot read. Write a folder of a storage",
}


@dataclass(frozen=True)
class Location:
    """The location of a folder or table.

    Attributes:
        scheme: `file`; `abfs` for every URL form of Azure; otherwise the scheme of the URL.
        path: As written for a local folder; `container/path` in Azure; `workspace/item/path` in OneLake;
            `bucket/path` elsewhere.
        host: The storage account's host, if an Azure URL names it.
    """

    scheme: str
    path: str
    host: str | None = None

    @classmethod
    def of(cls, text: str) -> Location:
        """Parse a path or URL.

        Raises:
            ValueError: It is not valid. The message has the cause and the remedy, but not the text itself.
        """
        scheme, separator, rest = text.partition("://")
        if not separator:
            return cls("file", text)
        if scheme in _LOCAL:
            if not rest.startswith("/"):
                raise ValueError(f"is not a valid location. {_EXAMPLES}")
            return cls("file", rest)
        if scheme in _REFUSED:
            raise ValueError(_REFUSED[scheme])
        if scheme == "https":
            rest = _convert_web_address(rest)
        if ".." in rest.split("/"):
            raise ValueError("contains `..`, which has no meaning in a storage. Write the full path")
        return _parse_azure(rest) if scheme in _AZURE_URLS else _parse_other(scheme, rest)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return self.scheme == "file"

    @property
    def is_azure(self) -> bool:
        """Whether it is in Azure, OneLake included."""
        return self.scheme == "abfs"

    @property
    def is_onelake(self) -> bool:
        """Whether its host is one of OneLake."""
        return onelake.is_onelake(self.host)

    @property
    def can_be_workspace(self) -> bool:
        """Whether files can be created there only if they do not exist, which keeps concurrent runs apart.

        Proved for local disks and Azure's storage accounts. OneLake and other storages may support it, but it was not
        run there, and not all that fsspec opens do.
        """
        return self.is_local or (self.is_azure and not self.is_onelake)

    @property
    def url(self) -> str:
        """The location as a URL; for a local one, the plain path."""
        if self.is_local:
            return self.path
        container, slash, path = self.path.partition("/")
        if self.is_onelake:
            container, path = onelake.encode_place(self.path)
        return f"{self.scheme}://{container}{f'@{self.host}' if self.host else ''}{slash}{path}"


def _parse_azure(rest: str) -> Location:
    """Parse `container/path` or `container@host/path`; `#` and `?` are normal characters of a path here."""
    place, _, path = rest.partition("/")
    container, at, host = place.rpartition("@") if "@" in place else (place, "", "")
    if onelake.is_onelake(host):
        return Location("abfs", onelake.decode_place(container, path), host.lower())
    if not _CONTAINER.fullmatch(container):
        raise ValueError(
            "is not a valid location: container names have 3 to 63 lower-case letters, digits and "
            f"hyphens. {_EXAMPLES}. For OneLake, write {onelake.EXAMPLE}"
        )
    if at and not _HOST.fullmatch(host):
        raise ValueError(
            "is not a valid location: the text after the @ must be the storage account's host. Write "
            "abfs://container@account.dfs.core.windows.net/folder"
        )
    return Location("abfs", f"{container}/{path.strip('/')}".rstrip("/"), host or None)


def _convert_web_address(rest: str) -> str:
    """Convert `account.blob.core.windows.net/container/path`, percent-encoded as in the portal, to the other form."""
    host, _, path = rest.partition("/")
    if onelake.is_onelake(host):
        workspace, _, path = path.partition("/")
        item, slash, below = path.partition("/")
        return f"{workspace}@{host}/{item}{slash}{unquote(below)}"
    if not _AZURE_HOST.fullmatch(host):
        raise ValueError(f"is a web address, but not one of Azure storage. {_EXAMPLES}")
    container, _, below = unquote(path).partition("/")
    return f"{container}@{host}/{below}"


def _parse_other(scheme: str, rest: str) -> Location:
    bucket, _, path = rest.partition("/")
    if not _SCHEME.fullmatch(scheme) or not _BUCKET.fullmatch(bucket):
        raise ValueError(f"is not a valid location. {_EXAMPLES}")
    return Location(scheme, f"{bucket}/{path.strip('/')}".rstrip("/"))
