"""The rules of the ledger: how a part changes the bounds, certain ⊆ truth ⊆ possible, when it is sent and confirmed.

| step          | before it is sent                      | once the service confirmed it              |
|---------------|----------------------------------------|--------------------------------------------|
| Add A         | possible ∪= A                          | certain ∪= A minus refused rows            |
| Remove R      | certain −= R                           | possible −= R minus refused rows           |
| Replace by D  | certain = ∅, possible ∪= D             | certain = D minus refused, possible = certain |

No member is certain while a Replace is in flight: it removes all previous members first (documented). Whether removing
and adding are atomic is not documented, so a Replace that fails may leave out members of D that were there before.

Pure. Sets are given as boolean arrays over any window of members.
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
    """The bounds as sets over a window of members: shape (n,) each; possible is None if it is unknown."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    certain: Flags
    possible: Flags | None


def fold(settled: Bounds, steps: Iterable[Step]) -> Bounds:
    """Apply steps to the bounds, in the order in which they were sent."""
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
