"""The state of an export's alerts in the workspace: numbered files, each written once, as those of ledgers.

Of two runs that end at once, one writes the next number; the other one reads it and judges again. So both together
announce a change once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from customer_match.alerts.state import AlertState
from customer_match.errors import TransientError
from customer_match.ledger.numbered_files import file_name, numbered
from customer_match.redaction import logger
from customer_match.safe_names import slug

__all__ = ["AlertLog"]

log = logger(__name__)

_TRIES: Final = 20  # runs of one export that write at the same moment are few
_KEPT: Final = 5  # states before the newest, for people who look


class AlertStorage(Protocol):
    """The part of a workspace that this needs."""

    def read_bytes(self, relative: str, /) -> bytes:
        """Read a small file, or raise FileNotFoundError."""

    def create(self, relative: str, data: bytes, /) -> None:
        """Write a file that does not exist, or raise FileExistsError."""

    def list(self, relative: str, /) -> list[str]:
        """List the names in a folder."""

    def delete(self, relative: str, /) -> None:
        """Delete a file."""


class AlertLog:
    """The state of the alerts of one export.

    Args:
        storage: The workspace.
        export: Name of the export.
    """

    def __init__(self, storage: AlertStorage, export: str) -> None:
        self._storage = storage
        self._folder = f"alerts/{slug(export)}"

    def load(self) -> AlertState:
        """Read the newest state; an empty one if there is none."""
        return self._newest()[1]

    def change(self, change: Callable[[AlertState], AlertState]) -> AlertState:
        """Replace the newest state by another one. If somebody else did so meanwhile, start again from theirs.

        Args:
            change: Makes the new state; without side effects, because it may be called several times.

        Returns:
            The new state.

        Raises:
            TransientError: Others write all the time.
        """
        for _ in range(_TRIES):
            number, state = self._newest()
            new = change(state)
            if new == state:
                return state
            try:
                self._storage.create(self._path(number + 1), new.model_dump_json(indent=1).encode())
            except FileExistsError:
                continue
            self._storage.delete(self._path(number - _KEPT))
            return new
        raise TransientError(
            f"The state of the alerts in {self._folder} is being changed by others all the time."
        )

    def _newest(self) -> tuple[int, AlertState]:
        """Return the newest number and its state. A state that is damaged counts as empty."""
        number = max(numbered(self._storage.list(self._folder)).numbers, default=0)
        if not number:
            return 0, AlertState()
        try:
            return number, AlertState.model_validate_json(self._storage.read_bytes(self._path(number)))
        except ValueError:
            log.warning("The state of the alerts in %s is damaged: it starts anew", self._path(number))
            return number, AlertState()

    def _path(self, number: int) -> str:
        return f"{self._folder}/{file_name(number)}"
