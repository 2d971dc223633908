"""From a place and an Airflow connection to a file system: the one function that opens lakes and workspaces.

Local folders are opened as they are, Azure as `azure.py` says, and everything else by Airflow's object
storage as `providers.py` says: each provider brings the schemes that it opens, and signs in by its own kind of
connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.connection.lookup import no_connection
from airflow_microsoft_advertising.lake.azure import fault_of, open_azure
from airflow_microsoft_advertising.lake.providers import (
    ensure_provider,
    kind_of_connection,
    open_by_provider,
)
from customer_match.errors import ConfigurationError, TransientError
from customer_match.storage.location_paths import parse_location, path_of

if TYPE_CHECKING:
    import fsspec
    from airflow.sdk import Connection

    from customer_match.storage.location import Location

__all__ = ["filesystem"]

_AZURE_KIND: Final = "the type wasb (Azure Blob Storage)"


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
    location = parse_location(url)
    if location.is_local:
        found = _local(conn_id, url)
    elif location.is_azure:
        found = _azure(conn_id, location, url)
    else:
        found = _by_airflow(conn_id, location)
    return found, path_of(found, url)


def _local(conn_id: str | None, url: str) -> fsspec.AbstractFileSystem:
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415 (imports are paid by who needs them)

    if conn_id is not None:
        raise ConfigurationError(
            f"{url} is a local folder; the connection {conn_id!r} does not open it. Write abfs://container/path, or "
            "remove the connection."
        )
    return LocalFileSystem()


def _azure(conn_id: str | None, location: Location, url: str) -> fsspec.AbstractFileSystem:
    if conn_id is None:
        raise ConfigurationError(
            f"{url} needs an Airflow connection. Name it beside the root in the export file: `connection: lake`."
        )
    return open_azure(_connection(conn_id, _AZURE_KIND), location.host)


def _by_airflow(conn_id: str | None, location: Location) -> fsspec.AbstractFileSystem:
    ensure_provider(location)
    if conn_id is None:
        return open_by_provider(None, location)
    # A provider may take a missing one for none at all.
    return open_by_provider(_connection(conn_id, kind_of_connection(location)), location)


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
