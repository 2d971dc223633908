"""An optional envelope around files of members: AES-256-GCM in chunks, so that the files alone do not show them.

| bytes | content |
|---|---|
| 8 | `CMSEAL1`, then a line break |
| 8 | id of the key: the first bytes of HMAC-SHA256(key, "customer-match key of members") |
| 16 | salt: random, new for each file |
| the rest | chunks: 262,144 bytes of content, encrypted, and a tag of 16 bytes; the last one may be shorter |

Each file has a key of its own, HKDF-SHA256 of key and salt (RFC 5869). The nonce of a chunk is its number and whether
it is the last one, so no nonce is used twice with a key (the STREAM construction by Hoang, Reyhanitabar, Rogaway and
Vizár, 2015). The header and the file's path in the workspace are associated data. Hence a chunk that was changed,
moved, repeated or taken from another file does not decrypt, nor does the last chunk of a file that was cut off.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, Self, cast

from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KEYS_NAME", "Envelope", "key_id"]

KEYS_NAME: Final = "customer_match_workspace_secret"
"""Name of the Airflow Variable that holds the keys."""

_MAGIC: Final = b"CMSEAL1\n"
_ID_BYTES: Final = 8
_SALT_BYTES: Final = 16
_HEADER_BYTES: Final = len(_MAGIC) + _ID_BYTES + _SALT_BYTES
_TAG_BYTES: Final = 16
_CHUNK: Final = 262_144  # bytes of content, held in memory
_SEALED_CHUNK: Final = _CHUNK + _TAG_BYTES


def key_id(key: bytes) -> str:
    """Id of a key, 16 hex digits; it does not reveal the key."""
    return hmac.digest(key, b"customer-match key of members", hashlib.sha256)[:_ID_BYTES].hex()


class _Header(NamedTuple):
    """Which key, and which salt."""

    key_id: bytes
    salt: bytes

    @classmethod
    def of(cls, content: bytes) -> Self | None:
        """Parse the beginning of a file; None if it is not encrypted."""
        if len(content) < _HEADER_BYTES or not content.startswith(_MAGIC):
            return None
        rest = content[len(_MAGIC) : _HEADER_BYTES]
        return cls(rest[:_ID_BYTES], rest[_ID_BYTES:])

    @property
    def content(self) -> bytes:
        return _MAGIC + self.key_id + self.salt


class Envelope:
    """Encrypts new files of members, and decrypts those that are encrypted.

    Args:
        keys: Returns the keys of 32 bytes: the first one is for new files, the others are for files that they have
            encrypted before. It is called when a key is first needed, and raises the errors that users are to see.
        seals: Whether new files are encrypted.
    """

    def __init__(self, keys: Callable[[], Sequence[bytes]] = tuple, *, seals: bool = False) -> None:
        self._read_keys = keys
        self._known: dict[str, bytes] = {}
        self.seals = seals

    def seal_of(self, path: str, checksum: int) -> str | None:
        """The seal of a new file: the id of its key, and a keyed checksum; None if new files are not encrypted.

        It depends on the members and not on the salt: if two tries of a step write the same file at the same time,
        either reference fits the file of either. Unlike a plain checksum, it does not tell who a single member is.

        Args:
            path: Its path in the workspace.
            checksum: The checksum of its members.
        """
        if not self.seals:
            return None
        identity, key = next(iter(self._keys.items()))
        return _seal(identity, key, path, checksum)

    def fits(self, seal: str, path: str, checksum: int) -> bool:
        """Whether members are those of the file with this seal."""
        identity = _identity_in(seal)
        return _seal(identity, self._key(identity, path), path, checksum) == seal

    def is_current(self, seal: str | None) -> bool:
        """Whether a new file would be encrypted as the file with this seal; True if new files are not encrypted."""
        if not self.seals:
            return True
        return seal is not None and _identity_in(seal) == next(iter(self._keys))

    @contextmanager
    def sealing(self, file: BinaryIO, path: str) -> Iterator[BinaryIO]:
        """Give a file to write the content to; without encryption the file itself.

        Args:
            file: The file in the workspace, opened for writing. It is complete at the end of the context.
            path: Its path in the workspace.

        Raises:
            ConfigurationError: There is no key.
        """
        if not self.seals:
            yield file
            return
        identity, key = next(iter(self._keys.items()))
        header = _Header(bytes.fromhex(identity), secrets.token_bytes(_SALT_BYTES))
        sealed = _SealedOutput(file, _Chunks(key, header, path))
        yield cast("BinaryIO", sealed)
        sealed.finish()

    def opened(self, file: BinaryIO, path: str, seal: str) -> BinaryIO:
        """Give the content of an encrypted file.

        Args:
            file: The file in the workspace, opened for reading.
            path: Its path in the workspace.
            seal: Its seal, from the reference to it.

        Raises:
            ConfigurationError: The key is missing.
            OSError: The file is damaged or another one. Reading raises it too.
        """
        self._key(_identity_in(seal), path)
        header = _Header.of(file.read(_HEADER_BYTES))
        if header is None or header.key_id.hex() not in self._keys:
            raise OSError("it is not the encrypted file that was written")
        return self._content(file, path, header)

    def opened_if_sealed(self, file: BinaryIO, path: str) -> BinaryIO:
        """Give the content of a file of which it is not known whether it is encrypted; errors as in `opened`."""
        header = _Header.of(file.read(_HEADER_BYTES))
        file.seek(0)
        return file if header is None else self._content(file, path, header)

    def _content(self, file: BinaryIO, path: str, header: _Header) -> BinaryIO:
        key = self._key(header.key_id.hex(), path)
        return cast("BinaryIO", _SealedInput(file, _Chunks(key, header, path)))

    def _key(self, identity: str, path: str) -> bytes:
        key = self._keys.get(identity)
        if key is None:
            raise ConfigurationError(
                f"{path} of the workspace is encrypted with the key {identity}, but the Airflow Variable "
                f"{KEYS_NAME!r} has {_named(self._keys)}. Add the missing key at its end. If that key is lost: start "
                "the run again from its beginning, or, if the path begins with `ledgers/`, `customer-match ledger "
                "forget` makes the next run replace the audience."
            )
        return key

    @property
    def _keys(self) -> dict[str, bytes]:
        """The keys by their ids."""
        if not self._known:
            self._known = {key_id(key): key for key in self._read_keys()}
        return self._known


def _seal(identity: str, key: bytes, path: str, checksum: int) -> str:
    content = b"customer-match checksum of members" + checksum.to_bytes(4, "big") + path.encode()
    return f"{identity}:{hmac.digest(key, content, hashlib.sha256)[:_SALT_BYTES].hex()}"


def _identity_in(seal: str) -> str:
    """The id of the key in a seal."""
    return seal.partition(":")[0]


def _named(keys: dict[str, bytes]) -> str:
    return f"only {', '.join(keys)}" if keys else "no key"


class _Chunks:
    """Encrypts and decrypts the chunks of one file."""

    def __init__(self, key: bytes, header: _Header, path: str) -> None:
        self._cipher = _cipher(key, header.salt)
        self._associated = header.content + path.encode()
        self.header = header.content

    def seal(self, number: int, content: bytes, *, is_last: bool) -> bytes:
        return self._cipher.encrypt(_nonce(number, is_last=is_last), content, self._associated)

    def open(self, number: int, sealed: bytes, *, is_last: bool) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (only encrypted files need it)

        try:
            return self._cipher.decrypt(_nonce(number, is_last=is_last), sealed, self._associated)
        except InvalidTag:
            raise OSError(
                f"its chunk {number + 1} was changed, moved or truncated: the tag does not match"
            ) from None


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 (as above)
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return AESGCM(HKDF(SHA256(), 32, salt=salt, info=b"customer-match file of members").derive(key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if is_last else b"\0")


class _SealedOutput(io.RawIOBase):
    """Encrypts what is written, in constant memory; closing it writes nothing."""

    def __init__(self, file: BinaryIO, chunks: _Chunks) -> None:
        super().__init__()
        self._file = file
        self._chunks = chunks
        self._waiting = bytearray()
        self._number = self._position = 0
        file.write(chunks.header)

    def write(self, data: Any, /) -> int:
        """Write some bytes."""
        view = memoryview(data).cast("B")
        self._waiting += view
        self._position += len(view)
        while len(self._waiting) > _CHUNK:  # a full one stays: it may be the last
            self._write_chunk(is_last=False)
        return len(view)

    def finish(self) -> None:
        """Write the last chunk."""
        self._write_chunk(is_last=True)

    def tell(self) -> int:
        """Return the number of bytes of content so far."""
        return self._position

    def writable(self) -> bool:
        """Return True."""
        return True

    def _write_chunk(self, *, is_last: bool) -> None:
        content = bytes(self._waiting[:_CHUNK])
        del self._waiting[:_CHUNK]
        self._file.write(self._chunks.seal(self._number, content, is_last=is_last))
        self._number += 1


class _SealedInput(io.RawIOBase):
    """Decrypts what is read; neighbouring chunks are read together, and the last of them is kept."""

    def __init__(self, file: BinaryIO, chunks: _Chunks) -> None:
        super().__init__()
        self._file = file
        self._chunks = chunks
        sealed = file.seek(0, io.SEEK_END) - _HEADER_BYTES
        self._count = max(-(-sealed // _SEALED_CHUNK), 1)
        self._size = sealed - self._count * _TAG_BYTES
        self._position = 0
        self._kept: tuple[int, bytes] | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        """Read a number of bytes, or all that remain."""
        start, rest = self._position, max(self._size - self._position, 0)
        end = start + (rest if size is None or size < 0 else min(size, rest))
        if end == start:
            return b""
        first = start // _CHUNK
        content = self._open(first, (end - 1) // _CHUNK)
        self._position = end
        return content[start - first * _CHUNK : end - first * _CHUNK]

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def _open(self, first: int, last: int) -> bytes:
        """The content of neighbouring chunks."""
        parts = [self._kept[1]] if self._kept and self._kept[0] == first else []
        begin = first + len(parts)
        if begin <= last:
            self._file.seek(_HEADER_BYTES + begin * _SEALED_CHUNK)
            sealed = memoryview(self._file.read((last - begin + 1) * _SEALED_CHUNK))
            for number in range(begin, last + 1):
                offset = (number - begin) * _SEALED_CHUNK
                one = bytes(sealed[offset : offset + _SEALED_CHUNK])
                parts.append(self._chunks.open(number, one, is_last=number + 1 == self._count))
            self._kept = (last, parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)
