"""A meeting point for rows that kill the same program, so that it is killed once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition

__all__ = ["Rendezvous"]


@dataclass
class Rendezvous:
    """The last row to arrive runs the action; the others wait for it. Rows that give up are not waited for.

    Attributes:
        expected: Number of rows to wait for.
        action: The action, run once all rows have arrived.
    """

    expected: int
    action: Callable[[], None]
    _there: int = field(default=0, init=False)
    _done: bool = field(default=False, init=False)
    _failed: BaseException | None = field(default=None, init=False)
    _changed: Condition = field(default_factory=Condition, init=False, repr=False)

    def arrive(self, patience: float = 600) -> None:
        """Arrive, and wait until the action is done.

        Raises:
            RuntimeError: The action failed.
            TimeoutError: Other rows neither arrived nor gave up.
        """
        with self._changed:
            self._there += 1
            self._act_if_due()
            if not self._changed.wait_for(lambda: self._done, patience):
                raise TimeoutError(f"{self._there} of {self.expected} came to the rendezvous")
            if self._failed:
                raise RuntimeError("the action failed") from self._failed

    def give_up(self) -> None:
        """Announce that a row will not arrive."""
        with self._changed:
            self.expected -= 1
            self._act_if_due()

    def _act_if_due(self) -> None:
        if self._done or self._there < self.expected or not self._there:
            return
        try:
            self.action()
        except Exception as error:  # noqa: BLE001 (reported to all waiting rows)
            self._failed = error
        self._done = True
        self._changed.notify_all()
