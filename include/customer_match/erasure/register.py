"""The register of erased members in a workspace: whom no audience may have again, as keyed ids.

Numbered files that never change, as those of a ledger: each holds the whole register, and of two writers of one number
one fails. A reader lists one folder and reads one file. The register can be checked only with its key, so a run that
has no key, or another one, stops: it would send people who asked to be forgotten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, Protocol

import numpy as np
from propcache.api import cached_property
from pydantic import BaseModel, ConfigDict, ValidationError

from customer_match.erasure.keyed import key_check, keyed_ids
from customer_match.errors import ConfigurationError, TransientError
from customer_match.formats import refuse_newer
from customer_match.ledger.bounds import Flags
from customer_match.ledger.numbered_files import file_name, numbered
from customer_match.members.digests import Digests
from customer_match.release import release

__all__ = ["KEY_NAME", "Erased", "Register", "RegisterStorage"]

KEY_NAME: Final = "customer_match_erasure_secret"
"""Name of the Airflow Variable that holds the key."""

_FOLDER: Final = "erasure/register"
_FORMAT: Final = 1
_KEPT: Final = 10  # files, in case the newest is damaged
_TRIES: Final = 5


class RegisterStorage(Protocol):
    """The part of a workspace that the register needs."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file durably, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; empty if there is none."""

    def delete(self, relative: str, /, *, recursive: bool = False) -> None:
        """Delete a file."""


class Erased:
    """The erased members of a workspace.

    Args:
        number: Number of the register's file.
        key: The key of the ids.
        ids: The keyed ids, 16 bytes each.
    """

    def __init__(self, number: int, key: bytes, ids: Iterable[bytes]) -> None:
        self.number = number
        self._key = key
        self._ids = frozenset(ids)

    def ids_of(self, digests: Digests) -> list[bytes]:
        """The keyed id of each digest."""
        return [one.tobytes() for one in keyed_ids(self._key, digests)]

    def among(self, digests: Digests) -> Flags:
        """Which of n digests belong to erased members: shape (n,)."""
        ids = keyed_ids(self._key, digests)
        found = np.isin(ids[:, :8].copy().view(np.uint64).ravel(), self._beginnings)
        for place in np.flatnonzero(found):  # few: all 16 bytes decide
            found[place] = ids[place].tobytes() in self._ids
        return found

    def left_of(self, members: Iterable[Digests]) -> Iterator[Digests]:
        """The members without the erased ones, in the same order."""
        for digests in members:
            yield digests[~self.among(digests)]

    @cached_property
    def _beginnings(self) -> np.typing.NDArray[np.uint64]:
        return np.frombuffer(b"".join(one[:8] for one in self._ids), dtype=np.uint64)


class _Content(BaseModel):
    """A file of the register.

    Attributes:
        key: Check value of the key.
        ids: The keyed ids, as hex digits, sorted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    ids: tuple[str, ...]


class _Newest(NamedTuple):
    number: int
    content: _Content | None


class Register:
    """The register of one workspace.

    Args:
        storage: The workspace.
    """

    def __init__(self, storage: RegisterStorage) -> None:
        self._storage = storage

    @property
    def number(self) -> int:
        """Number of the newest file; 0 if nobody was ever erased. It grows when somebody is added."""
        return max(self._numbers(), default=0)

    def read(self, key: Callable[[], bytes]) -> Erased | None:
        """Read the register; None if nobody was ever erased, and then the key is not asked for.

        Args:
            key: Returns the key.

        Raises:
            ConfigurationError: The register is damaged, or the key is another one.
            NewerFormat: A newer release of this project wrote it.
        """
        number, content = self._newest()
        if content is None:
            return None
        secret = key()
        _check(content, secret)
        return Erased(number, secret, map(bytes.fromhex, content.ids))

    def add(self, key: bytes, digests: Digests) -> Erased:
        """Add members, durably, before any of them is removed from an audience.

        Args:
            key: The key.
            digests: All digests of the people, shape (n, 32).

        Returns:
            The register with them. If it had all of them, nothing was written.

        Raises:
            ConfigurationError: The register is damaged, or the key is another one.
            NewerFormat: A newer release of this project wrote it.
        """
        wanted = {one.tobytes().hex() for one in keyed_ids(key, digests)}
        for _ in range(_TRIES):
            number, content = self._newest()
            if content is not None:
                _check(content, key)
            known = frozenset(content.ids) if content else frozenset()
            if wanted <= known:
                return Erased(number, key, map(bytes.fromhex, known))
            ids = tuple(sorted(known | wanted))
            try:
                self._write(number + 1, _Content(key=key_check(key), ids=ids))
            except FileExistsError:
                continue
            return Erased(number + 1, key, map(bytes.fromhex, ids))
        raise TransientError("Several requests write to the register of erased members at once. Try again.")

    def _newest(self) -> _Newest:
        number = self.number
        return _Newest(number, self._read(number) if number else None)

    def _read(self, number: int) -> _Content:
        path = _path(number)
        try:
            first, _, body = self._storage.read_bytes(path).partition(b"\n")
            header = dict(json.loads(first))
            refuse_newer(f"The register of erased members, {path} of the workspace,", header, _FORMAT)
            if header == _header(body, header.get("format"), header.get("release")):
                return _Content.model_validate_json(body)
        except (FileNotFoundError, TypeError, ValueError, ValidationError):  # not shown: it may hold anything
            pass
        raise ConfigurationError(
            f"The register of erased members, {path} of the workspace, is damaged. Nothing is exported, because it "
            "names those who must not be sent. Restore the file from a backup. Without one, delete it, so that the "
            "register before it counts again, and repeat the newest requests (`customer-match forget`)."
        )

    def _write(self, number: int, content: _Content) -> None:
        body = content.model_dump_json().encode()
        header = _header(body, _FORMAT, release())
        self._storage.create(_path(number), json.dumps(header).encode() + b"\n" + body)
        for old in self._numbers()[:-_KEPT]:
            self._storage.delete(_path(old))

    def _numbers(self) -> list[int]:
        return numbered(self._storage.list(_FOLDER)).numbers


def _check(content: _Content, key: bytes) -> None:
    if content.key != key_check(key):
        raise ConfigurationError(
            f"The key in the Airflow Variable {KEY_NAME!r} is not the one that the register of erased members was "
            "written with, so nobody can tell who is in it. Nothing is exported. Restore the key in the Variable. If "
            "it is lost, move the folder `erasure` of the workspace away and repeat all requests "
            "(`customer-match forget`)."
        )


def _path(number: int) -> str:
    return f"{_FOLDER}/{file_name(number)}"


def _header(body: bytes, version: object, by: object) -> dict[str, object]:
    """The first line: the format, the release that wrote it, and a checksum of these and of the body."""
    content = f"{version}\n{by}\n".encode() + body
    checksum = hashlib.blake2b(content, digest_size=16).hexdigest()
    return {"format": version, "release": by, "checksum": checksum}
