"""The folder of export files, for those who add, change and remove files in it.

A file is replaced as a whole, and only if nobody else has changed it since it was read. Nothing outside the folder is
written: the name of a file is the name of its export, which has no slash.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from customer_match.errors import ConfigurationError
from customer_match.export.loading import BrokenExport, InvalidExport, export_files, load_files, read_export
from customer_match.export.model import Export
from customer_match.export.values import Name
from customer_match.export.yaml_document import Problem

__all__ = ["ChangedMeanwhile", "ExportsFolder", "StoredFile"]

_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems say that know no links, such as those of network shares."""
_HIDDEN: Final = (
    "begins with a dot, and files that do are hidden: Airflow would not read it. Choose another name"
)


class ChangedMeanwhile(ConfigurationError):
    """A file is not any more what it was when it was read."""


@dataclass(frozen=True)
class StoredFile:
    """An export file as it was read.

    Attributes:
        path: The file.
        text: Its content.
    """

    path: Path
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def ensure_is(self, digest: str) -> None:
        """Check that it is the file that somebody saw before.

        Args:
            digest: Of what was seen.

        Raises:
            ChangedMeanwhile: It is another one.
        """
        if digest != self.digest:
            raise _changed(self.path)


@dataclass(frozen=True)
class ExportsFolder:
    """A folder of export files.

    Attributes:
        path: The folder; it need not exist.
    """

    path: Path

    @property
    def is_writable(self) -> bool:
        """Whether files of this folder can be written by this process."""
        return self.path.is_dir() and os.access(self.path, os.W_OK | os.X_OK)

    def find(self, name: str) -> StoredFile | None:
        """Find the file of an export, valid or not; None if this folder has none.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        path = next((path for path, result in self._results() if result.name == name), None)
        if path is None:
            return None
        try:
            return StoredFile(path, path.read_bytes().decode())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read ({type(error).__name__}).") from None

    def target(self, name: str) -> Path:
        """The file that a new export of this name gets.

        Raises:
            InvalidExport: It is no name of an export, so it could lead out of the folder, or to a hidden file; or
                there is such a file already.
        """
        if fault := _fault_of(name) or self._fault_of_files(name):
            raise InvalidExport("", [Problem(None, "name", fault)])
        return self.path / f"{name}.yaml"

    def _fault_of_files(self, name: str) -> str:
        files = [f"{name}{suffix}" for suffix in (".yaml", ".yml")]
        there = next((file for file in files if os.path.lexists(self.path / file)), None)
        return f"is taken: the file {there} exists already. Choose another name" if there else ""

    def exports(self) -> list[Export]:
        """All valid exports of the folder."""
        return [result for _, result in self._results() if isinstance(result, Export)]

    def check(self, path: Path, text: str) -> Export:
        """Read a file that is not written yet as `customer-match validate` would.

        Args:
            path: The file that it will be.
            text: Its content.

        Raises:
            InvalidExport: It is not valid, or another export of the folder has its name or writes to its audiences.
        """
        others = [result for other, result in self._results() if other != path]
        valid = [one for one in others if isinstance(one, Export)]
        export = read_export(path, text.encode(), parse_conditions=True, others=valid)
        if any(one.name == export.name for one in others):
            fault = "is the name of another export of this folder. Choose another name"
            raise InvalidExport(path.name, [Problem(None, "name", fault)])
        return export

    def add(self, name: str, text: str) -> Path:
        """Write a new file.

        Raises:
            InvalidExport: As `target`.
            ConfigurationError: There is a file of this name now, or the folder cannot be written.
        """
        path = self.target(name)
        with _unfinished(path, text) as unfinished:
            try:
                _claim(path, unfinished)
            except FileExistsError:
                raise ConfigurationError(f"{path} exists already. Choose another name.") from None
        return path

    def replace(self, old: StoredFile, text: str) -> Path:
        """Replace a file.

        Raises:
            ChangedMeanwhile: The file is not any more what was read.
            ConfigurationError: The folder cannot be written.
        """
        self._ensure_unchanged(old)
        with _unfinished(old.path, text) as unfinished:
            shutil.copymode(old.path, unfinished)
            unfinished.replace(old.path)
        return old.path

    def remove(self, old: StoredFile) -> None:
        """Remove a file.

        Raises:
            ChangedMeanwhile: The file is not any more what was read.
            ConfigurationError: The folder cannot be written.
        """
        self._ensure_unchanged(old)
        try:
            old.path.unlink()
        except OSError as error:
            raise _not_written(old.path, error) from None

    def _ensure_unchanged(self, old: StoredFile) -> None:
        path = old.path
        if path.is_symlink():
            raise ConfigurationError(
                f"{path} is a link: what manages it would undo the change. Change the original."
            )
        try:
            is_unchanged = path.read_bytes() == old.text.encode()
        except FileNotFoundError:
            is_unchanged = False
        if not is_unchanged:
            raise _changed(path)

    def _results(self) -> list[tuple[Path, Export | BrokenExport]]:
        if not self.path.is_dir():
            return []
        paths = export_files(self.path)
        return list(zip(paths, load_files(paths), strict=True))


def _claim(path: Path, unfinished: Path) -> None:
    """Give a finished file its name. Unlike a rename, this fails if there is a file of this name."""
    try:
        os.link(unfinished, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        path.touch(exist_ok=False)  # for a moment it is empty, which Airflow would show as not valid
        unfinished.replace(path)


def _changed(path: Path) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"Somebody has changed {path} in the meantime, so nothing was written. Open the page again, and repeat "
        "what you did."
    )


def _fault_of(name: str) -> str:
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        return str(error.errors()[0]["ctx"]["error"])
    return _HIDDEN if name.startswith(".") else ""


@contextmanager
def _unfinished(path: Path, text: str) -> Iterator[Path]:
    """Write a hidden file beside a file, on the disk before it takes its place; it is gone afterwards."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with unfinished.open("xb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        yield unfinished
    except OSError as error:
        raise _not_written(path, error) from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _not_written(path: Path, error: OSError) -> ConfigurationError:
    reason = error.strerror or type(error).__name__
    return ConfigurationError(f"{path} cannot be written ({reason}). Check the rights of its folder.")
