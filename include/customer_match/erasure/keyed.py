"""Keyed ids of members: HMAC-SHA256 of a digest (RFC 2104), cut to 128 bits.

Whoever knows an address can compute its digest, so a list of digests would tell who asked to be forgotten. A keyed id
tells nothing without the key. RFC 2104 (section 5) allows to keep half of the bits; the shorter ids can also not be
mistaken for members. The ids of many members are computed in two calls of stringzilla, one for each of the two hashes
that an HMAC consists of.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import numpy as np
import numpy.typing as npt

from customer_match.members.digests import DIGEST_BYTES, Digests

__all__ = ["ID_BYTES", "Ids", "key_check", "keyed_ids"]

ID_BYTES: Final = 16
_BLOCK: Final = 64  # bytes of a block of SHA-256; shorter keys are filled with zeros
_INNER, _OUTER = np.uint8(0x36), np.uint8(0x5C)

Ids = npt.NDArray[np.uint8]
"""Shape (n, 16): keyed ids of members."""
_Rows = npt.NDArray[np.uint8]
"""Shape (n, w): n messages of w bytes."""


def keyed_ids(key: bytes, digests: Digests) -> Ids:
    """The keyed id of each digest.

    Args:
        key: The secret key, at most 64 bytes.
        digests: Shape (n, 32), in any order.
    """
    if not len(digests):
        return np.empty((0, ID_BYTES), dtype=np.uint8)
    padded = np.frombuffer(key.ljust(_BLOCK, b"\0"), dtype=np.uint8)
    ids = _sha256(padded ^ _OUTER, _sha256(padded ^ _INNER, digests))[:, :ID_BYTES]
    if ids[-1].tobytes() != hmac.digest(key, digests[-1].tobytes(), hashlib.sha256)[:ID_BYTES]:
        raise RuntimeError("stringzilla has hashed other bytes")
    return ids


def key_check(key: bytes) -> str:
    """A value by which a wrong key is noticed; it does not reveal the key."""
    return hmac.digest(key, b"customer-match erasure key", hashlib.sha256)[:8].hex()


def _sha256(block: npt.NDArray[np.uint8], rows: _Rows) -> Digests:
    """SHA-256 of a block followed by each row."""
    import pyarrow as pa  # noqa: PLC0415 (only a register that is not empty needs the two)
    import stringzilla  # noqa: PLC0415

    messages = np.hstack([np.broadcast_to(block, (len(rows), len(block))), rows])
    ends = np.arange(0, messages.size + 1, messages.shape[1], dtype=np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(messages)]
    column = pa.Array.from_buffers(pa.large_binary(), len(rows), buffers)
    digests = np.empty((len(rows), DIGEST_BYTES), dtype=np.uint8)
    stringzilla.Sha256s(len(rows)).update(stringzilla.Strs(column, view=True)).digest(out=digests)
    return digests
