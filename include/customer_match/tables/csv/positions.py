"""Sets of positions in a text, as bits: whole texts are compared 64 positions at a time.

Position `n` is bit `n % 64` of word `n // 64`, from the lowest bit. Bits after the end of the text are 0, unless said
otherwise.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "Positions",
    "first_of",
    "followers",
    "is_last",
    "last_of",
    "odd_so_far",
    "positions_where",
    "predecessors",
]

Positions = npt.NDArray[np.uint64]

_WORD_BITS: Final = 64
_TOP: Final = np.uint64(63)
_ONE: Final = np.uint64(1)
_ALL: Final = np.uint64(2**_WORD_BITS - 1)


def positions_where(is_set: npt.NDArray[np.bool_]) -> Positions:
    """The positions at which an array is true."""
    words = np.zeros(-(-len(is_set) // _WORD_BITS), "<u8")
    packed = np.packbits(is_set, bitorder="little")
    words.view(np.uint8)[: len(packed)] = packed
    return words


def odd_so_far(marks: Positions, is_odd: bool) -> Positions:  # noqa: FBT001 (a fact about what came before)
    """The positions up to which, itself included, the number of marks is odd; bits after the end are as the last one.

    Args:
        marks: The positions of the marks.
        is_odd: Whether an odd number of marks came before the text.
    """
    odd = marks.copy()
    for distance in (1, 2, 4, 8, 16, 32):
        odd ^= odd << np.uint64(distance)
    in_word = odd >> _TOP
    before_word = np.bitwise_xor.accumulate(in_word) ^ in_word ^ np.uint64(is_odd)
    odd ^= before_word * _ALL  # all bits of a word change, or none
    return odd


def followers(positions: Positions, is_first: bool) -> Positions:  # noqa: FBT001 (a fact about what came before)
    """The positions directly after some.

    Args:
        positions: The positions.
        is_first: Whether the first position of the text follows one of an earlier text.
    """
    moved = positions << _ONE
    moved[1:] |= positions[:-1] >> _TOP
    moved[:1] |= np.uint64(is_first)
    return moved


def predecessors(positions: Positions, length: int) -> Positions:
    """The positions directly before some, and the last one of the text: what follows it is not known.

    Args:
        positions: The positions.
        length: Of the text; not 0.
    """
    moved = positions >> _ONE
    moved[:-1] |= positions[1:] << _TOP
    word, bit = divmod(length - 1, _WORD_BITS)
    moved[word] |= np.uint64(1 << bit)
    return moved


def first_of(positions: Positions) -> int | None:
    """The first position; None if there is none."""
    words = np.flatnonzero(positions)
    if not len(words):
        return None
    word = int(positions[words[0]])
    return _WORD_BITS * int(words[0]) + (word & -word).bit_length() - 1


def last_of(positions: Positions) -> int | None:
    """The last position; None if there is none."""
    words = np.flatnonzero(positions)
    if not len(words):
        return None
    return _WORD_BITS * int(words[-1]) + int(positions[words[-1]]).bit_length() - 1


def is_last(positions: Positions) -> bool:
    """Whether the last bit of the last word is set."""
    return bool(positions[-1] >> _TOP)
