"""Paths of locations in the file systems that open them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from customer_match.errors import ConfigurationError
from customer_match.storage.location import Location

if TYPE_CHECKING:
    import fsspec

__all__ = ["parse_location", "path_of"]


def parse_location(url: str) -> Location:
    """Parse a path or URL.

    Raises:
        ConfigurationError: It is not a valid location.
    """
    try:
        return Location.of(url)
    except ValueError as error:
        raise ConfigurationError(f"{url}: {error}.") from None


def path_of(filesystem: fsspec.AbstractFileSystem, url: str) -> str:
    """Return a location's path in a file system that was opened for it, or for another location of the same storage.

    Raises:
        ConfigurationError: It is not a valid location.
    """
    location = parse_location(url)
    if location.is_local:
        return str(Path(location.path).expanduser().absolute())
    return location.path if location.is_azure else _path_by_provider(filesystem, location)


def _path_by_provider(filesystem: fsspec.AbstractFileSystem, location: Location) -> str:
    """Use a scheme that the file system knows, as providers also open others (observed: s3fs and s3n)."""
    known = filesystem.protocol
    schemes = (known,) if isinstance(known, str) else tuple(known)
    scheme = location.scheme if location.scheme in schemes else schemes[0]
    path: str = filesystem._strip_protocol(f"{scheme}://{location.path}")  # noqa: SLF001 (file systems override it)
    return path
