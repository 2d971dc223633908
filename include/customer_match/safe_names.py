"""Names of files and folders that are safe on every storage, for any audience name.

Not part of the `workspace` package: Airflow needs them to parse the export files of DAGs, without opening storage.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from customer_match.errors import ConfigurationError

__all__ = ["join", "slug"]

_READABLE_LENGTH: Final = 40
_HASH_LENGTH: Final = 12  # 48 bits: two of 100,000 names collide with a chance of 1 in 50,000
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\\?#%:*<>|\"]")


def slug(name: str) -> str:
    """Return a folder name for any text: readable ASCII, then a hash that makes it unique.

    Names that differ in any way, even only in case, get different slugs.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", plain)[:_READABLE_LENGTH].strip("-")
    unique = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{readable}-{unique}" if readable else unique


def join(*parts: str) -> str:
    """Join names to a path below the workspace.

    Raises:
        ConfigurationError: A name is empty, begins with a dot, or has characters that some storages interpret.
    """
    path = "/".join(parts)
    for name in path.split("/"):
        if not name or name.startswith(".") or _UNSAFE.search(name):
            raise ConfigurationError(
                f"{path!r} is not a valid path below the workspace: {name!r} is not allowed as a name. Make names with "
                "`slug`."
            )
    return path
