"""From a place and an Airflow connection to a file system: the one function that opens lakes and workspaces.

Local folders are opened as they are, Azure as `azure_lake.py` says, and everything else by Airflow's object
storage: each provider brings the schemes that it opens, and signs in by its own kind of connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.azure_lake import fault_of, open_azure
from airflow_microsoft_advertising.connections import no_connection
from include.customer_match.location import Location
from include.errors import ConfigurationError, CustomerMatchError, TransientError

if TYPE_CHECKING:
    import fsspec
    from airflow.sdk import Connection

__all__ = ["filesystem"]

_AZURE_KIND: Final = "the type wasb (Azure Blob Storage)"
# What to install for the schemes that people ask for most (documented: Airflow, Object Storage).
_PACKAGES: Final = {
    **dict.fromkeys(("s3", "s3a", "s3n"), "apache-airflow-providers-amazon[s3fs]"),
    **dict.fromkeys(("gs", "gcs"), "apache-airflow-providers-google"),
}


def filesystem(conn_id: str | None, url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system that a location is in, and its path there.

    Args:
        conn_id: Airflow connection; None for local folders, and where a provider needs none.
        url: A local path or a URL, as `Location` takes them.

    Returns:
        A file system without listing cache, and the path: absolute, or `container/path`.

    Raises:
        ConfigurationError: The location or the connection is not usable; the message names the field.
        TransientError: Airflow cannot be asked for the connection now.
    """
    location = _location(url)
    if location.is_local:
        return _local(conn_id, location, url)
    if location.is_azure:
        return _azure(conn_id, location, url), location.path
    found = _by_airflow(conn_id, location, url)
    path: str = found._strip_protocol(location.url)  # noqa: SLF001 (what fsspec's makers of file systems override)
    return found, path


def _location(url: str) -> Location:
    try:
        return Location.of(url)
    except ValueError as error:
        raise ConfigurationError(f"{url}: {error}.") from None


def _local(conn_id: str | None, location: Location, url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415 (imports are paid by who needs them)

    if conn_id is not None:
        raise ConfigurationError(
            f"{url} is a local folder; the connection {conn_id!r} does not open it. Write abfs://container/path, or "
            "remove the connection."
        )
    return LocalFileSystem(), str(Path(location.path).expanduser().absolute())


def _azure(conn_id: str | None, location: Location, url: str) -> fsspec.AbstractFileSystem:
    if conn_id is None:
        raise ConfigurationError(
            f"{url} needs an Airflow connection. Name it beside the root in the export file: `connection: lake`."
        )
    return open_azure(_connection(conn_id, _AZURE_KIND), location.host)


def _by_airflow(conn_id: str | None, location: Location, url: str) -> fsspec.AbstractFileSystem:
    """What the scheme's provider opens, without its listing cache: others write to the lake meanwhile."""
    from airflow.sdk.io import get_fs, has_fs  # noqa: PLC0415 (takes seconds)

    from include.customer_match.storage import storage_faults  # noqa: PLC0415 (with fsspec)

    if not has_fs(location.scheme):
        raise ConfigurationError(
            f"{url}: no Airflow provider that is installed opens {location.scheme}://. {_what_to_install(location)}"
        )
    if conn_id is not None:
        _connection(conn_id, "the type of its storage")  # a provider may take a missing one for none at all
    try:
        with storage_faults(url):
            found = get_fs(location.scheme, conn_id)
    except CustomerMatchError:
        raise
    except ImportError:
        raise ConfigurationError(
            f"{url}: the Airflow provider for {location.scheme}:// lacks a library. {_what_to_install(location)}"
        ) from None
    except Exception as error:  # noqa: BLE001 (each provider has its own; the text may repeat credentials)
        what = (
            f"the connection {conn_id!r}"
            if conn_id
            else "what this machine offers, as no connection is named,"
        )
        raise ConfigurationError(
            f"{url} cannot be opened with {what} ({type(error).__name__}). Check the fields of the connection."
        ) from None
    found.dircache.clear()
    found.dircache.use_listings_cache = False
    return found


def _what_to_install(location: Location) -> str:
    package = _PACKAGES.get(location.scheme)
    named = f"`{package}`" if package else "the provider package that has it"
    return f"Add {named} to the Python environment of Airflow's processes, or copy the tables to Azure."


def _connection(conn_id: str, kind: str) -> Connection:
    from airflow.sdk import BaseHook  # noqa: PLC0415 (takes seconds)
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError  # noqa: PLC0415

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        advice = f"Create it (Admin > Connections) with {kind}, or name another one as `connection` in the export file."
        raise no_connection(conn_id, advice) from None
    except AirflowRuntimeError as error:
        raise TransientError(f"Airflow cannot be asked for the connection {conn_id!r} now.") from error
    except (TypeError, ValueError):  # its text may repeat the connection, secrets and all
        raise fault_of(conn_id, "its definition", "is neither a connection URI nor JSON") from None
