"""Open file systems of other Airflow providers with Airflow connections: S3, Google Cloud Storage and others.

Each provider decides how it uses a connection. But where it would ignore a mistake and use the machine's own identity
instead, the connection is rejected before the provider gets it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from airflow_microsoft_advertising.connection.extra import field_error, read_extra
from customer_match.errors import ConfigurationError, CustomerMatchError

if TYPE_CHECKING:
    import fsspec
    from airflow.sdk import Connection

    from customer_match.storage.location import Location

__all__ = ["ensure_provider", "open_by_provider", "required_type"]

_S3: Final = ("s3", "s3a", "s3n")
_GOOGLE: Final = ("gs", "gcs")
# Packages for the most common schemes (documented: Airflow, Object Storage).
_PACKAGES: Final = {
    **dict.fromkeys(_S3, "apache-airflow-providers-amazon[s3fs]"),
    **dict.fromkeys(_GOOGLE, "apache-airflow-providers-google"),
}
_TYPES: Final = {**dict.fromkeys(_S3, "aws"), **dict.fromkeys(_GOOGLE, "google_cloud_platform")}


def ensure_provider(location: Location) -> None:
    """Check that an installed provider opens a location.

    Raises:
        ConfigurationError: No installed provider does.
    """
    from airflow.sdk.io import has_fs  # noqa: PLC0415 (takes seconds)

    if not has_fs(location.scheme):
        raise ConfigurationError(
            f"{location.url}: no installed Airflow provider opens {location.scheme}://. "
            f"{_installation_advice(location)}"
        )


def required_type(location: Location) -> str:
    """Return the type of connection that opens a location, for messages."""
    kind = _TYPES.get(location.scheme)
    return f"the type {kind}" if kind else "the type of its storage"


def open_by_provider(connection: Connection | None, location: Location) -> fsspec.AbstractFileSystem:
    """Open the file system of the scheme's provider, without listing cache, because other programs write to the lake.

    Args:
        connection: None: the provider uses the machine's own identity.
        location: A location that some provider opens.

    Raises:
        ConfigurationError: The connection is not usable; or the provider cannot open it, or lacks a library.
        TransientError: The provider needs a service that cannot be reached.
    """
    from airflow.sdk.io import get_fs  # noqa: PLC0415 (takes seconds)

    from customer_match.storage.files import storage_faults  # noqa: PLC0415 (with fsspec)

    if connection is not None:
        _reject_mistakes(connection, location)
    try:
        with storage_faults(location.url):
            found = get_fs(location.scheme, connection.conn_id if connection else None)
    except CustomerMatchError:
        raise
    except ImportError:
        raise ConfigurationError(
            f"{location.url}: the Airflow provider for {location.scheme}:// lacks a library. "
            f"{_installation_advice(location)}"
        ) from None
    except Exception as error:  # noqa: BLE001 (each provider has its own errors; their text may repeat credentials)
        raise _open_error(connection, location, error) from None
    found.dircache.clear()
    found.dircache.use_listings_cache = False
    return found


def _reject_mistakes(connection: Connection, location: Location) -> None:
    conn_id, wanted = connection.conn_id, _TYPES.get(location.scheme)
    if wanted and connection.conn_type != wanted:
        raise ConfigurationError(
            f"The Airflow connection {conn_id!r} is of type {connection.conn_type!r}. To open {location.scheme}:// it "
            f"must be of type {wanted}."
        )
    extra = read_extra(connection)
    if location.scheme in _S3:
        names = ("aws_access_key_id", "aws_secret_access_key")
        own, in_extra = (connection.login, connection.password), tuple(map(extra.get, names))
        _reject_half_a_key(conn_id, "Login and Password", *own)
        _reject_half_a_key(conn_id, f"{' and '.join(names)} in Extra", *in_extra)
        labels = ("Login", "Password", *(f"{name} in Extra" for name in names))
        for label, value in zip(labels, own + in_extra, strict=True):
            _reject_white_space(conn_id, label, value)


def _reject_half_a_key(conn_id: str, fields: str, name: Any, secret: Any) -> None:
    """Reject a key without its secret: the provider would use the machine's own identity (observed: 9.39)."""
    if bool(name) != bool(secret):
        raise field_error(conn_id, fields, "must both be filled in, or neither")


def _reject_white_space(conn_id: str, label: str, value: Any) -> None:
    """Reject what was pasted around or into a value: the provider would sign with it."""
    if value and re.search(r"\s", str(value)):
        raise field_error(conn_id, label, "contains white space. Paste it again, complete and on one line")


def _open_error(connection: Connection | None, location: Location, error: Exception) -> ConfigurationError:
    what = (
        f"the connection {connection.conn_id!r}"
        if connection
        else "the machine's own identity, as no connection is named,"
    )
    return ConfigurationError(
        f"{location.url} cannot be opened with {what} ({type(error).__name__}). Check the fields of the connection."
    )


def _installation_advice(location: Location) -> str:
    package = _PACKAGES.get(location.scheme)
    named = f"`{package}`" if package else "the provider package for it"
    return f"Add {named} to the Python environment of Airflow's processes, or copy the tables to Azure."
