"""The evidence of a request for erasure: what was removed from where, by which answers of the service; what remains.

It names neither addresses nor digests, only keyed ids, which nobody can check without the key. One file per request
and workspace, `erasure/requests/<id>.json`; it is written again after each audience.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol, Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError, field_validator

from customer_match.errors import ConfigurationError
from customer_match.redaction import without_addresses_in

__all__ = ["AudienceEvidence", "Evidence", "Outcome", "Removal", "Requests"]

_FOLDER: Final = "erasure/requests"


class Outcome(StrEnum):
    """What became of the removal from one audience."""

    REMOVED = "removed"
    NOT_A_MEMBER = "not a member"
    NO_AUDIENCE = "audience does not exist"
    REFUSED = "refused by the service"
    UNKNOWN = "members unknown"
    PENDING = "pending"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the members are surely not in the audience; otherwise a later call has to try again."""
        return self in {Outcome.REMOVED, Outcome.NOT_A_MEMBER, Outcome.NO_AUDIENCE}


class Removal(BaseModel):
    """Result of a removal from one audience.

    Attributes:
        outcome: What became of it. `members unknown`: the ledger does not know whom the audience has, and there were
            no digests to remove, only keyed ids.
        audience_id: Id of the audience at the service; None if it is not known, or there is none.
        removed: Number of digests that the service has removed.
        refused: Number of digests whose removal it refused.
        uploads: The service's ids of the Bulk uploads that it confirmed; empty if the removal was sent by calls.
        calls: Number of calls of the synchronous API that it answered.
        ledger_state: Number of the ledger's state that records this.
        ledger_was_unknown: Whether all digests were sent, because the ledger did not know the audience's members.
        at: When it was finished, or tried last.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    audience_id: str | None = None
    removed: NonNegativeInt = 0
    refused: NonNegativeInt = 0
    uploads: tuple[str, ...] = ()
    calls: NonNegativeInt = 0
    ledger_state: NonNegativeInt = 0
    ledger_was_unknown: bool = False
    at: datetime


class AudienceEvidence(Removal):
    """The same, with the name of the audience.

    Attributes:
        account: The account at the service.
        audience: Name of the audience.
        reason: Why it is not finished, and what follows; None if it is.
    """

    account: str
    audience: str
    reason: str | None = None

    @field_validator("audience", "reason", mode="before")
    @classmethod
    def _without_addresses(cls, value: object) -> object:
        return without_addresses_in(value)


class Evidence(BaseModel):
    """The evidence of one request in one workspace.

    Attributes:
        request: Id of the request.
        received: The day (UTC) on which it was made.
        people: Number of distinct addresses and hashes that were given.
        hashes: Number of hashes among them. Other digests of these people, under other rules, are not covered.
        ids: The keyed ids of all their digests, as hex digits.
        register_number: Number of the register of erased members that names them: since then runs leave them out.
        audiences: What became of each audience.
        staged_deleted: Number of staged files of ended runs that held one of the digests, and were deleted.
        runs_not_ended: Folders of runs that have not ended, and hold such files.
        unreached: What could not be looked at, and what to do.
        checked_at: When this was written.
    """

    model_config = ConfigDict(frozen=True)

    request: str
    received: date
    people: NonNegativeInt
    hashes: NonNegativeInt = 0
    ids: tuple[str, ...]
    register_number: NonNegativeInt
    audiences: tuple[AudienceEvidence, ...] = ()
    staged_deleted: NonNegativeInt = 0
    runs_not_ended: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    checked_at: datetime

    @field_validator("unreached", mode="before")
    @classmethod
    def _without_addresses(cls, value: object) -> object:
        return without_addresses_in(value)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do: the people are in no audience, and no file names them."""
        unfinished = [one for one in self.audiences if not one.outcome.is_final]
        return not (unfinished or self.runs_not_ended or self.unreached)

    def of(self, account: str, audience: str) -> AudienceEvidence | None:
        """What became of one audience so far."""
        named = without_addresses_in(audience)
        found = (one for one in self.audiences if (one.account, one.audience) == (account, named))
        return next(found, None)

    def with_audience(self, evidence: AudienceEvidence) -> Self:
        """The same with new evidence about one audience, in the place of what was known about it."""
        key = (evidence.account, evidence.audience)
        others = [one for one in self.audiences if (one.account, one.audience) != key]
        sequence = sorted([*others, evidence], key=lambda one: (one.account, one.audience))
        return self.model_copy(update={"audiences": tuple(sequence), "checked_at": evidence.at})


class EvidenceStorage(Protocol):
    """The part of a workspace that evidence needs."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file."""

    def write_bytes(self, relative: str, data: bytes, /) -> None:
        """Write a small file, replacing it as a whole."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; empty if there is none."""


class Requests:
    """The requests of one workspace.

    Args:
        storage: The workspace.
    """

    def __init__(self, storage: EvidenceStorage) -> None:
        self._storage = storage

    def write(self, evidence: Evidence) -> None:
        """Write the evidence of a request, in the place of what was written before."""
        content = json.dumps(evidence.model_dump(mode="json"), indent=1, ensure_ascii=False)
        self._storage.write_bytes(_path(f"{evidence.request}.json"), content.encode())

    def all(self) -> Sequence[Evidence]:
        """All requests, oldest first.

        Raises:
            ConfigurationError: A file is damaged.
        """
        names = [name for name in self._storage.list(_FOLDER) if name.endswith(".json")]
        return [self._read(name) for name in sorted(names)]

    def _read(self, name: str) -> Evidence:
        try:
            return Evidence.model_validate_json(self._storage.read_bytes(_path(name)))
        except ValidationError:
            raise ConfigurationError(
                f"The evidence in {_path(name)} of the workspace is damaged. Restore it from a backup, or move it away "
                "and repeat the request (`customer-match forget`)."
            ) from None


def _path(name: str) -> str:
    return f"{_FOLDER}/{name}"
