"""One writer per audience: a lease in the workspace that expires.

Leases are numbered files that never change, like the ledger's states. Creating the next number succeeds for one of two
runs on any storage. The highest number counts.

A lease only keeps runs from disturbing each other; correctness depends on the ledger. A run that has lost its lease
without noticing (a suspended machine, a clock that jumped) writes a number that already exists, and the write fails.
Clocks therefore need not agree. A wrong clock lets a run start too early and conflict, or wait too long, but never
longer than a lease lasts. A lease that ends later than that was written by a clock that is ahead. A run that finds
such a lease writes it again with an end by its own clock; if the holder is alive, it renews its lease.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from customer_match.errors import ConfigurationError, TransientError
from customer_match.ledger.numbered_files import file_name, numbered
from customer_match.redaction import logger

__all__ = ["LEASE_DURATION", "AudienceBusy", "Lease"]

log = logger(__name__)

LEASE_DURATION: Final = timedelta(minutes=30)
"""How long other runs wait for a run that stopped without releasing its lease. A run that takes longer is safe: the run
that takes over awaits its upload first, and its own next write to the ledger fails."""

_KEPT = 10  # records, to show who held the lease
_TRIES = 5  # of runs that take the lease at the same moment, one wins each number
_LONGEST_WAIT = 30.0  # seconds: a lease may be released long before it expires
_CLOCKS_DIFFER = timedelta(minutes=5)  # the largest difference between clocks of well-kept machines


class LeaseStorage(Protocol):
    """The part of a workspace that leases need."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file durably, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; empty if there is none."""

    def delete(self, relative: str, /, *, recursive: bool = False) -> None:
        """Delete a file."""


class Holding(BaseModel):
    """A record of a lease.

    Attributes:
        holder: The run; every task and every try of one run is the same holder.
        until: When the lease expires.
        released: Whether it was released before that.
    """

    model_config = ConfigDict(frozen=True)

    holder: str
    until: AwareDatetime
    released: bool = False


class AudienceBusy(TransientError):
    """Another run is writing to the audience.

    Attributes:
        holding: The other run's lease.
    """

    def __init__(self, audience: str, holding: Holding, *, seconds: float) -> None:
        super().__init__(
            f"The run {holding.holder} is writing to the audience {audience!r}. This run waits until that run has "
            f"finished, or until {holding.until:%Y-%m-%d %H:%M:%S} UTC at the latest.",
            retry_after=min(max(seconds, 1.0), _LONGEST_WAIT),
        )
        self.holding = holding


class _Numbered(NamedTuple):
    number: int
    holding: Holding | None


class Lease:
    """The lease of one audience, for one run.

    Args:
        storage: The workspace.
        folder: The audience's folder in the workspace; the records are in its subfolder `leases`.
        audience: The audience's name, for messages.
        holder: The run.
        now: Returns the present time.
    """

    def __init__(
        self,
        storage: LeaseStorage,
        folder: str,
        *,
        audience: str,
        holder: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._storage = storage
        self._folder = f"{folder}/leases"
        self._audience = audience
        self._holder = holder
        self._now = now

    def take(self, duration: timedelta) -> None:
        """Take the lease, or extend it.

        Args:
            duration: How long the lease lasts; no run takes it for longer.

        Raises:
            AudienceBusy: Another run holds it.
        """
        for _ in range(_TRIES):
            newest = self._shorten(self._newest(), duration)
            self._refuse_if_busy(newest.holding)
            if self._write(newest.number, Holding(holder=self._holder, until=self._now() + duration)):
                return
        raise TransientError(
            f"Too many runs want to write to the audience {self._audience!r} at once. Trying again later."
        )

    def release(self) -> None:
        """Release the lease; does nothing if this run does not hold it."""
        newest = self._newest()
        if not self._is_mine(newest.holding):
            return
        try:
            self._write(newest.number, Holding(holder=self._holder, until=self._now(), released=True))
        except ConfigurationError:  # a full disk refuses a new record, but deleting records still works
            self._delete_mine()
            raise

    def current(self) -> Holding | None:
        """The lease that is held now; None if there is none."""
        holding = self._newest().holding
        return holding if holding and self._counts(holding) else None

    def _delete_mine(self) -> None:
        """Delete this run's newest records; their numbers may be used again, because nothing depends on them."""
        while self._is_mine((newest := self._newest()).holding):
            self._storage.delete(self._path(newest.number))

    def _shorten(self, newest: _Numbered, duration: timedelta) -> _Numbered:
        """The newest record; if its end is later than any lease can last, a corrected record is written."""
        holding, now = newest.holding, self._now()
        if holding is None or holding.released or holding.until - now <= duration + _CLOCKS_DIFFER:
            return newest
        log.warning(
            "By this machine's clock (%s UTC), the run %s holds the lease of audience %r until %s UTC, longer than any "
            "lease lasts: one of the two clocks is wrong. This run waits until %s UTC at the latest. Check the "
            "clocks of the workers.",
            f"{now:%Y-%m-%d %H:%M:%S}",
            holding.holder,
            self._audience,
            f"{holding.until:%Y-%m-%d %H:%M:%S}",
            f"{now + duration:%Y-%m-%d %H:%M:%S}",
        )
        right = holding.model_copy(update={"until": now + duration})
        return _Numbered(newest.number + 1, right) if self._write(newest.number, right) else self._newest()

    def _refuse_if_busy(self, holding: Holding | None) -> None:
        if holding and self._counts(holding) and holding.holder != self._holder:
            seconds = (holding.until - self._now()).total_seconds()
            raise AudienceBusy(self._audience, holding, seconds=seconds)

    def _counts(self, holding: Holding) -> bool:
        return not holding.released and holding.until > self._now()

    def _is_mine(self, holding: Holding | None) -> bool:
        return holding is not None and holding.holder == self._holder and not holding.released

    def _newest(self) -> _Numbered:
        numbers = self._numbers()
        if not numbers:
            return _Numbered(0, None)
        try:
            content = self._storage.read_bytes(self._path(numbers[-1]))
            return _Numbered(numbers[-1], Holding.model_validate_json(content))
        except (FileNotFoundError, ValidationError) as error:  # pruned just now, or damaged
            log.warning("%s cannot be read: %s", self._path(numbers[-1]), type(error).__name__)
            return _Numbered(numbers[-1], None)

    def _write(self, number: int, holding: Holding) -> bool:
        """Write the record that follows a number; False if another run was faster."""
        try:
            self._storage.create(self._path(number + 1), holding.model_dump_json().encode())
        except FileExistsError:
            return False
        numbers = self._numbers()
        for old in numbers[:-_KEPT]:
            self._storage.delete(self._path(old))
        return (
            number + 1 in numbers[-_KEPT:]
        )  # otherwise this writer was suspended and has filled a pruned number

    def _numbers(self) -> list[int]:
        return numbered(self._storage.list(self._folder)).numbers

    def _path(self, number: int) -> str:
        return f"{self._folder}/{file_name(number)}"
