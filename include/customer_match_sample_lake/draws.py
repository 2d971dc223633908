"""Uniform random draws that depend only on a seed, a purpose and a number.

There is no generator with a state: the draw for number 7 is the same whether it is made first, last, in a
batch of ten or on another machine.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

__all__ = ["SEED", "Numbers", "draw"]

SEED = 20261123

Numbers = npt.NDArray[np.uint64]
"""Shape (n,): profile numbers, or draws."""


def draw(numbers: Numbers, purpose: str, seed: int = SEED) -> Numbers:
    """Return a uniform 64-bit draw for each number (the mixing function of SplitMix64 with a key).

    Args:
        numbers: Shape (n,), dtype uint64.
        purpose: What the draw decides; draws for different purposes are independent.
        seed: Selects the sample data.
    """
    key = hashlib.blake2b(f"{seed} {purpose}".encode(), digest_size=8).digest()
    z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.frombuffer(key, "<u8")
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Numbers = z ^ (z >> np.uint64(31))
    return mixed
