"""Generations: how an audience tells whether a ledger knows all that was sent to it.

The audience carries the token of its generation in its description. Whoever is about to send members makes a new one
up, writes it into the ledger together with the plan, then into the description, then sends. So a ledger that is
older than the audience, or a copy that another one has gone on from, has another token and is not trusted.
(docs/architecture.md, "Generations", goes through every crash.)

Pure. A token is `<workspace>-<random>`, so that the message can say who was there.
"""

from __future__ import annotations

import secrets
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

__all__ = ["Generation", "new_token", "reason_to_distrust", "workspace_of"]

_TOLERATED: Final = 4  # values that a description may still show


class Generation(BaseModel):
    """What the ledger believes that the audience's description tells.

    Attributes:
        token: What it is to tell.
        before: What it may tell all the same until the token was seen there once: the service had not taken the new
            description, or shows an old one for a moment (assumed). None stands for no token at all.
        unwritable: Why the service did not take the description; None where it did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str
    before: tuple[str | None, ...] = ()
    unwritable: str | None = None

    @property
    def is_seen(self) -> bool:
        """Whether the audience was seen with it: only then another ledger's changes are noticed for sure."""
        return not self.before

    @property
    def uncovered(self) -> str | None:
        """What people should know where the audience does not show it; None where it does."""
        if self.is_seen:
            return None
        why = (
            f"did not take the audience's new description: {self.unwritable}"
            if self.unwritable
            else "does not show the audience's new description yet:"
        )
        return (
            f"Microsoft Advertising {why} That another workspace writes to the audience, or that the ledger is "
            "restored from a backup, would not be noticed."
        )

    @classmethod
    def claimed(cls, token: str, *, shown: str | None, after: Self | None) -> Self:
        """A new one, as it is written down before the description is changed.

        Args:
            token: The new token.
            shown: What the description tells now.
            after: What the ledger believed until now.
        """
        unseen = () if after is None or after.is_seen else (after.token, *after.before)
        return cls(token=token, before=tuple(dict.fromkeys((shown, *unseen)))[:_TOLERATED])

    def observed(self, shown: str | None) -> Self:
        """The same once the description was read."""
        is_there = shown == self.token
        return self.model_copy(update={"before": (), "unwritable": None}) if is_there else self

    def refused(self, reason: str) -> Self:
        """The same where the service does not take the description."""
        return self.model_copy(update={"unwritable": reason})


def new_token(workspace: str) -> str:
    """A token that nobody else makes up: two copies of a workspace that go on apart get different ones."""
    return f"{workspace}-{secrets.token_hex(6)}"


def workspace_of(token: str) -> str:
    """The id of the workspace that wrote a token."""
    return token.partition("-")[0]


def reason_to_distrust(known: Generation | None, shown: str | None, *, workspace: str) -> str | None:
    """Why a ledger does not know all that was sent to its audience; None if it does.

    Args:
        known: What the ledger believes; None where it never wrote one.
        shown: What the audience's description tells; None if nothing.
        workspace: Id of the ledger's workspace.
    """
    expected = (None,) if known is None else (known.token, *known.before)
    if shown in expected:
        return None
    if shown is None:
        return (
            "The audience's description does not tell its generation any more; somebody has changed it by hand, and "
            "nobody knows what else."
        )
    other = workspace_of(shown)
    if other != workspace:
        return (
            f"Another workspace (id {other}) has written to the audience since this one (id {workspace}) did. Let "
            "all runs use the same `workspace` in the export file: else each sends everything again whenever the other "
            "was there."
        )
    return (
        "The ledger is older than the audience: the workspace was restored from a backup, its newest files were lost, "
        "or a copy of it has been used since."
    )
