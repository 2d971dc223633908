"""Generations: how to detect that a ledger does not know everything that was sent to its audience.

The audience carries the token of its generation in its description. Before members are sent, a new token is made,
written to the ledger together with the plan, and then written to the description. A ledger that is older than the
audience, or a copy whose original was used since, has another token and is not trusted. (docs/architecture.md,
"Generations", covers every crash.)

Pure. A token is `<workspace>-<random>`, so that messages can name the other workspace.
"""

from __future__ import annotations

import secrets
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

__all__ = ["Generation", "new_token", "reason_to_distrust", "workspace_of"]

_TOLERATED: Final = 4  # number of older tokens that a description may still show


class Generation(BaseModel):
    """The token that the ledger expects in the audience's description.

    Attributes:
        token: The expected token.
        before: Older tokens that are accepted until the expected one was seen once: the service may have refused the
            new description, or show the old one for a moment (assumed). None means no token.
        unwritable: Why the service refused the description; None if it accepted it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str
    before: tuple[str | None, ...] = ()
    unwritable: str | None = None

    @property
    def is_seen(self) -> bool:
        """Whether the audience was seen with the token: only then are changes by another ledger surely detected."""
        return not self.before

    @property
    def uncovered(self) -> str | None:
        """A warning for users if the audience does not show the token; None if it does."""
        if self.is_seen:
            return None
        why = (
            f"refused the audience's new description: {self.unwritable}"
            if self.unwritable
            else "does not show the audience's new description yet."
        )
        return (
            f"Microsoft Advertising {why} If another workspace wrote to the audience, or the ledger was restored from "
            "a backup, this would not be noticed."
        )

    @classmethod
    def claimed(cls, token: str, *, shown: str | None, after: Self | None) -> Self:
        """A new generation, as it is recorded before the description is changed.

        Args:
            token: The new token.
            shown: The token in the description now.
            after: The generation that the ledger recorded until now.
        """
        unseen = () if after is None or after.is_seen else (after.token, *after.before)
        return cls(token=token, before=tuple(dict.fromkeys((shown, *unseen)))[:_TOLERATED])

    def observed(self, shown: str | None) -> Self:
        """The generation after reading the description."""
        is_there = shown == self.token
        return self.model_copy(update={"before": (), "unwritable": None}) if is_there else self

    def refused(self, reason: str) -> Self:
        """The generation after the service refused the description."""
        return self.model_copy(update={"unwritable": reason})


def new_token(workspace: str) -> str:
    """Make a unique token: two copies of a workspace that are both used get different ones."""
    return f"{workspace}-{secrets.token_hex(6)}"


def workspace_of(token: str) -> str:
    """The id of the workspace that wrote a token."""
    return token.partition("-")[0]


def reason_to_distrust(known: Generation | None, shown: str | None, *, workspace: str) -> str | None:
    """Why a ledger may miss something that was sent to its audience; None if it does not.

    Args:
        known: The ledger's generation; None if it never recorded one.
        shown: The token in the audience's description; None if there is none.
        workspace: Id of the ledger's workspace.
    """
    expected = (None,) if known is None else (known.token, *known.before)
    if shown in expected:
        return None
    if shown is None:
        return (
            "The generation is missing from the audience's description. The description was changed by hand, and "
            "other changes cannot be ruled out."
        )
    other = workspace_of(shown)
    if other != workspace:
        return (
            f"Another workspace (id {other}) has written to the audience since this one (id {workspace}) did. Use the "
            "same `workspace` in the export file for all runs; otherwise each workspace sends everything again after "
            "the other has written."
        )
    return (
        "The ledger is older than the audience: the workspace was restored from a backup, its newest files were lost, "
        "or a copy of it was used in the meantime."
    )
