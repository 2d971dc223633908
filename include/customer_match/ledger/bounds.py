"""The ledger's table: what a part makes of the bounds, certain ⊆ truth ⊆ possible, when it is sent and confirmed.

| step          | before it is sent                      | once the service confirmed it              |
|---------------|----------------------------------------|--------------------------------------------|
| Add A         | possible ∪= A                          | certain ∪= A minus refused rows            |
| Remove R      | certain −= R                           | possible −= R minus refused rows           |
| Replace by D  | certain = ∅, possible ∪= D             | certain = D minus refused, possible = certain |

Nobody is certain while a Replace is under way: it removes all previous members first (documented), and whether
it does so in one stroke with the adding is not documented. One that breaks off may leave members of D out that
were there before.

Nothing here reads or writes; sets are given as boolean arrays over any window of members.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Progress

__all__ = ["Bounds", "Flags", "Step", "fold"]

Flags = npt.NDArray[np.bool_]
"""Shape (n,): which of n digests are in a set."""


class Step(BaseModel):
    """A part as sets over a window of members: shape (n,) each."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    action: Action
    progress: Progress
    members: Flags
    refused: Flags


class Bounds(BaseModel):
    """The bounds as sets over a window of members: shape (n,) each; possible is None where anybody may be."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    certain: Flags
    possible: Flags | None


def fold(settled: Bounds, steps: Iterable[Step]) -> Bounds:
    """The bounds after these steps, in the order in which they were sent."""
    certain, possible = settled.certain, settled.possible
    for step in steps:
        if step.progress is Progress.PLANNED:
            continue
        done = step.members & ~step.refused
        confirmed = step.progress is Progress.CONFIRMED
        match step.action:
            case Action.ADD:
                possible = None if possible is None else possible | step.members
                certain = certain | done if confirmed else certain
            case Action.REMOVE:
                certain = certain & ~step.members
                possible = possible & ~done if confirmed and possible is not None else possible
            case Action.REPLACE if confirmed:
                certain = possible = done
            case Action.REPLACE:
                certain = np.zeros_like(certain)
                possible = None if possible is None else possible | step.members
    return Bounds(certain=certain, possible=possible)
