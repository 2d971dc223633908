"""Where rows meet that strike the same program, so that it is killed once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition

__all__ = ["Rendezvous"]


@dataclass
class Rendezvous:
    """The last to come strikes; those before it wait. Who gives up is not waited for.

    Attributes:
        expected: How many are to come.
        strike: What is done once all are there.
    """

    expected: int
    strike: Callable[[], None]
    _there: int = field(default=0, init=False)
    _struck: bool = field(default=False, init=False)
    _failed: BaseException | None = field(default=None, init=False)
    _changed: Condition = field(default_factory=Condition, init=False, repr=False)

    def arrive(self, patience: float = 600) -> None:
        """Come, and wait until the strike is done.

        Raises:
            RuntimeError: The strike failed.
            TimeoutError: Others neither came nor gave up.
        """
        with self._changed:
            self._there += 1
            self._strike_if_due()
            if not self._changed.wait_for(lambda: self._struck, patience):
                raise TimeoutError(f"{self._there} of {self.expected} came to the rendezvous")
            if self._failed:
                raise RuntimeError("the strike failed") from self._failed

    def give_up(self) -> None:
        """Say that one will not come (any more)."""
        with self._changed:
            self.expected -= 1
            self._strike_if_due()

    def _strike_if_due(self) -> None:
        if self._struck or self._there < self.expected or not self._there:
            return
        try:
            self.strike()
        except Exception as error:  # noqa: BLE001 (all who wait are told)
            self._failed = error
        self._struck = True
        self._changed.notify_all()
