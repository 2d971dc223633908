"""The path of a location in the file system that opens it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from customer_match.errors import ConfigurationError
from customer_match.storage.location import Location

if TYPE_CHECKING:
    import fsspec

__all__ = ["location_of", "path_in"]


def location_of(url: str) -> Location:
    """A path or URL taken apart.

    Raises:
        ConfigurationError: It is no location.
    """
    try:
        return Location.of(url)
    except ValueError as error:
        raise ConfigurationError(f"{url}: {error}.") from None


def path_in(filesystem: fsspec.AbstractFileSystem, url: str) -> str:
    """The path of a location, in a file system that opened this or another one of the same storage.

    Raises:
        ConfigurationError: It is no location.
    """
    location = location_of(url)
    if location.is_local:
        return str(Path(location.path).expanduser().absolute())
    return location.path if location.is_azure else _path_by_provider(filesystem, location)


def _path_by_provider(filesystem: fsspec.AbstractFileSystem, location: Location) -> str:
    """Providers open schemes that their file systems do not know (observed: s3fs and s3n): a known one then counts."""
    known = filesystem.protocol
    schemes = (known,) if isinstance(known, str) else tuple(known)
    scheme = location.scheme if location.scheme in schemes else schemes[0]
    path: str = filesystem._strip_protocol(f"{scheme}://{location.path}")  # noqa: SLF001 (what makers of file systems override)
    return path
