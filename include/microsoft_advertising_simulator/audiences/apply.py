"""ApplyCustomerListUserData: changes the members of a list with a call, without a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from microsoft_advertising_simulator.audiences import rules
from microsoft_advertising_simulator.audiences.members import DIGEST_BYTES, MemberFiles, sort_distinct
from microsoft_advertising_simulator.audiences.service import AudienceService, ItemError
from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.model import Action, Caller, Refusal
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage

__all__ = ["ApplyService"]

MAX_APPLY_ITEMS: Final = 1_000
_ITEMS: Final = "CustomerListItems"


class ApplyService:
    """Changes members with calls.

    Args:
        audiences: The lists.
        storage: Stores the lists.
        files: Stores the members.
        clock: For the times of changes.
        settings: Returns the current settings.
        refusal: Returns the injected refusal of the next call, if any.
    """

    def __init__(
        self,
        audiences: AudienceService,
        storage: Storage,
        files: MemberFiles,
        clock: Clock,
        *,
        settings: Callable[[], Settings],
        refusal: Callable[[], Refusal | None],
    ) -> None:
        self._audiences = audiences
        self._storage = storage
        self._files = files
        self._clock = clock
        self._settings = settings
        self._refusal = refusal

    def change(
        self, caller: Caller, audience_id: int | None, *, action: str | None, sub_type: str | None,
        items: Sequence[str | None] | None, terms: bool | None,
    ) -> list[ItemError]:  # fmt: skip
        """ApplyCustomerListUserData: change members synchronously, at most 1,000 per call.

        Raises:
            ServiceFault: 6999 too many items, 8000 unknown list, 8001 action, 8002 sub type,
                8003 terms not accepted, 8006 no items.
        """
        settings = self._settings()
        wanted = rules.action_of(action, delete_removes=settings.delete_removes)
        if wanted is None:
            raise ServiceFault(8001)
        if sub_type != "Email":
            raise ServiceFault(8002)
        if not items:
            raise ServiceFault(8006)
        if len(items) > MAX_APPLY_ITEMS:
            raise ServiceFault(6999)
        if wanted is not Action.REMOVE and not (settings.terms_accepted if terms is None else terms):
            raise ServiceFault(8003)
        errors = _item_errors(items, settings, self._refusal())
        refused = {error.index for error in errors}
        accepted = [item for index, item in enumerate(items) if item and index not in refused]
        self._change_members(caller, audience_id, wanted, accepted)
        return errors

    def _change_members(
        self, caller: Caller, audience_id: int | None, action: Action, hashes: Sequence[str]
    ) -> None:
        digests = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(-1, DIGEST_BYTES)
        with self._audiences.writing:
            audience = None if audience_id is None else self._audiences.visible(caller, audience_id)
            if audience is None:
                raise ServiceFault(8000)
            if len(digests) == 0:
                return
            name, count = self._files.change(audience.members_file, action, sort_distinct(digests))
            now = self._clock.now()
            with self._storage.transaction():
                self._audiences.expiry.record(audience, action, sort_distinct(digests))
                self._storage.save_audience(
                    replace(audience, members_file=name, members=count, modified_at=now, data_at=now)
                )
            self._files.remove(audience.members_file)


def _item_errors(items: Sequence[str | None], settings: Settings, refusal: Refusal | None) -> list[ItemError]:
    pattern = rules.hash_pattern(upper_case=settings.upper_case_hashes)
    seen: set[str] = set()
    errors = []
    for index, item in enumerate(items):
        if not item:
            errors.append(ItemError(index, 8006, _ITEMS))
        elif not pattern.match(item):
            errors.append(ItemError(index, 8004, _ITEMS))
        elif settings.duplicates_refused and item.lower() in seen:
            errors.append(ItemError(index, 4200, _ITEMS))
        elif refusal is not None and int(item[:8], 16) < refusal.below:
            errors.append(ItemError(index, refusal.number, _ITEMS))
        else:
            seen.add(item.lower())
    return errors
