"""One writer per audience: a lease in the workspace, with an expiry and a fence.

Leases are numbered files that never change, like the ledger's states: creating the next number, or failing
because it is there, decides between two takers on any storage. The highest number counts.

A lease only keeps runs from getting into each other's way. What is right rests on the ledger: whoever lost
the lease without noticing (a machine that slept, a clock that jumped) writes a number that is taken and is
told so. Hence clocks need not agree: a wrong one lets a taker come too early and conflict, or wait too long, but for
no longer than leases last. One that ends later than that was written by a clock that is ahead; whoever finds it writes
it down anew, with the end that it has by their own clock. If its holder lives, it does not leave it at that.
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
"""How long other runs wait for one that stopped without giving its lease back. A run that takes longer is safe: whoever
takes over awaits its upload first, and its next write to the ledger fails."""

_KEPT = 10  # records, for whoever wants to know who was there
_TRIES = 5  # of takers at the same moment, one wins each number
_LONGEST_WAIT = 30.0  # seconds: a lease may be given back long before it expires
_CLOCKS_DIFFER = timedelta(minutes=5)  # those of machines that are kept well, at the most


class LeaseStorage(Protocol):
    """What leases need of a workspace."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a small file durably, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """Names in a folder; empty if there is none."""

    def delete(self, relative: str, /, *, recursive: bool = False) -> None:
        """Delete a file."""


class Holding(BaseModel):
    """Who holds the lease.

    Attributes:
        holder: Names the run; every task and every try of one run is the same holder.
        until: When it expires.
        released: Whether it was given back before that.
    """

    model_config = ConfigDict(frozen=True)

    holder: str
    until: AwareDatetime
    released: bool = False


class AudienceBusy(TransientError):
    """Another run is at work on the audience.

    Attributes:
        holding: Which, and until when at the latest.
    """

    def __init__(self, audience: str, holding: Holding, *, seconds: float) -> None:
        super().__init__(
            f"The run {holding.holder} is at work on the audience {audience!r}; this one waits until it has "
            f"ended, or until {holding.until:%Y-%m-%d %H:%M:%S} UTC at the latest.",
            retry_after=min(max(seconds, 1.0), _LONGEST_WAIT),
        )
        self.holding = holding


class _Numbered(NamedTuple):
    number: int
    holding: Holding | None


class Lease:
    """The lease of one audience, as one run sees it.

    Args:
        storage: The workspace.
        folder: The audience's folder in it; the lease's records lie in `leases` below.
        audience: For messages.
        holder: Names the run.
        now: Tells the time, for tests.
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
        """Take the lease, or keep it for longer.

        Args:
            duration: How long every run takes it for at the most.

        Raises:
            AudienceBusy: Another run holds it.
        """
        for _ in range(_TRIES):
            newest = self._shorten(self._newest(), duration)
            self._refuse_if_busy(newest.holding)
            if self._write(newest.number, Holding(holder=self._holder, until=self._now() + duration)):
                return
        raise TransientError(
            f"Too many runs ask for the audience {self._audience!r} at once; tried again later."
        )

    def release(self) -> None:
        """Give the lease back; nothing happens if it is another's by now, or nobody's."""
        newest = self._newest()
        if not self._is_mine(newest.holding):
            return
        try:
            self._write(newest.number, Holding(holder=self._holder, until=self._now(), released=True))
        except ConfigurationError:  # a full disk takes no record, but gives some back
            self._delete_mine()
            raise

    def current(self) -> Holding | None:
        """Who holds it now; None if nobody does."""
        holding = self._newest().holding
        return holding if holding and self._counts(holding) else None

    def _delete_mine(self) -> None:
        """Take the newest records back that are this run's; its numbers may be used again, as they guard nothing."""
        while self._is_mine((newest := self._newest()).holding):
            self._storage.delete(self._path(newest.number))

    def _shorten(self, newest: _Numbered, duration: timedelta) -> _Numbered:
        """The newest record; of a lease that cannot last for so long, after its end was put right."""
        holding, now = newest.holding, self._now()
        if holding is None or holding.released or holding.until - now <= duration + _CLOCKS_DIFFER:
            return newest
        log.warning(
            "By this machine's clock (%s UTC) the run %s holds the audience %r until %s UTC, which no run does: one of "
            "the two clocks is wrong. It is waited for until %s UTC at the latest.",
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
        """Write the record that follows a number; False if somebody else was faster."""
        try:
            self._storage.create(self._path(number + 1), holding.model_dump_json().encode())
        except FileExistsError:
            return False
        numbers = self._numbers()
        for old in numbers[:-_KEPT]:
            self._storage.delete(self._path(old))
        return number + 1 in numbers[-_KEPT:]  # who slept through the pruning has filled a gap

    def _numbers(self) -> list[int]:
        return numbered(self._storage.list(self._folder)).numbers

    def _path(self, number: int) -> str:
        return f"{self._folder}/{file_name(number)}"
