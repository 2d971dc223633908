"""Campaign Management for customer lists: add, update, delete and query.

The service's logic, without HTTP; the operations call it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from microsoft_advertising_simulator.audiences import rules
from microsoft_advertising_simulator.audiences.expiry import MemberExpiry
from microsoft_advertising_simulator.audiences.members import MemberFiles
from microsoft_advertising_simulator.clock import Clock
from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.model import Audience, Caller, Scope
from microsoft_advertising_simulator.settings import Settings
from microsoft_advertising_simulator.storage import Storage

__all__ = ["AudienceService", "ItemError", "ListFields"]

MAX_AUDIENCES_PER_CALL: Final = 100


@dataclass(frozen=True, slots=True)
class ListFields:
    """A customer list as a caller describes it; None = not sent."""

    type: str | None = None
    id: int | None = None
    name: str | None = None
    description: str | None = None
    membership_duration: int | None = None
    parent_id: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class ItemError:
    """One entry of PartialErrors: which item of the call failed, and why."""

    index: int
    number: int
    field_path: str | None = None


class AudienceService:
    """Customer lists.

    Args:
        storage: Stores the lists.
        files: Stores the members.
        clock: For the times of changes.
        settings: Returns the current settings.
    """

    def __init__(
        self, storage: Storage, files: MemberFiles, clock: Clock, settings: Callable[[], Settings]
    ) -> None:
        self._storage = storage
        self._files = files
        self._clock = clock
        self._settings = settings
        self.expiry = MemberExpiry(storage, files, clock)
        # Held while lists or members change: by this class, ApplyService, and the commit of a Bulk upload.
        # Readers do not take it: they see the state of the last commit.
        self.writing = threading.RLock()

    def add(
        self, caller: Caller, audiences: Sequence[ListFields | None] | None
    ) -> tuple[list[int | None], list[ItemError]]:
        """Create lists; one id or None per audience, and the errors (documented: partial success)."""
        ids: list[int | None] = []
        errors: list[ItemError] = []
        with self.writing, self._storage.transaction():
            for index, fields in enumerate(_check_lists(audiences)):
                numbers = self._add_errors(caller, fields)
                ids.append(None if numbers or fields is None else self._create(caller, fields))
                errors += [ItemError(index, number) for number in numbers]
        return ids, errors

    def update(self, caller: Caller, audiences: Sequence[ListFields | None] | None) -> list[ItemError]:
        """Change name, description, duration, or the scope from Account to Customer."""
        errors: list[ItemError] = []
        with self.writing, self._storage.transaction():
            for index, fields in enumerate(_check_lists(audiences)):
                errors += [ItemError(index, number) for number in self._update(caller, fields)]
        return errors

    def delete(self, caller: Caller, ids: Sequence[int | None] | None) -> list[ItemError]:
        """Delete lists with their members."""
        errors: list[ItemError] = []
        superseded: list[str | None] = []
        with self.writing:
            with self._storage.transaction():
                for index, audience_id in enumerate(_check_ids(ids)):
                    found, number = self._deletable(caller, audience_id, (ids or [])[:index])
                    errors += [] if number is None else [ItemError(index, number)]
                    superseded += [] if found is None else [self._mark_deleted(found)]
            # Only after the commit: until then the database points to the files.
            for name in superseded:
                self._files.remove(name)
        return errors

    def query(
        self, caller: Caller, ids: Sequence[int | None] | None
    ) -> tuple[list[Audience | None], list[ItemError]]:
        """Lists by id (None for an unknown id), or all lists that the account may use if `ids` is None."""
        if ids is None:
            return [*self.listed(caller)], []
        found_all: list[Audience | None] = []
        errors: list[ItemError] = []
        for index, audience_id in enumerate(_check_ids(ids)):
            found, number = self._lookup(caller, audience_id, ids[:index])
            found_all.append(found)
            errors += [] if number is None else [ItemError(index, number)]
        return found_all, errors

    def listed(self, caller: Caller, since: float | None = None) -> list[Audience]:
        """All lists that the account may use; with a time, those changed since then, including deleted ones."""
        own = [found for found in self._storage.audiences() if _belongs(found, caller)]
        if since is None:
            return [found for found in own if not found.deleted]
        return [found for found in own if found.modified_at >= since]

    def size(self, audience: Audience) -> int | None:
        """Size as the service reports it: None for some time after creation, then the number of members."""
        known_at = audience.created_at + self._settings().size_delay_seconds
        return audience.members if self._clock.now() >= known_at else None

    def visible(self, caller: Caller, audience_id: int) -> Audience | None:
        """The list with that id, if it is not deleted and the caller's account may use it."""
        found = self._storage.audience(audience_id)
        return found if found is not None and _is_visible(found, caller) else None

    def member_lines(self, audience_id: int) -> Iterator[bytes] | None:
        """The members of any list as sorted hex, one per line; None for an unknown id. For users and tests."""
        with self.writing:  # so that the file is not superseded before it is open
            self.expire_members()
            found = self._storage.audience(audience_id)
            return None if found is None else self._files.hex_lines(found.members_file)

    def expire_members(self) -> None:
        """Remove all members whose duration is over."""
        with self.writing:
            for found in self._storage.audiences_with_expired_members(self._clock.now()):
                with self._storage.transaction():
                    self._storage.save_audience(self.expiry.without_expired(found))
                self._files.remove(found.members_file)

    def change_manually(
        self, audience_id: int, *, associated: bool | None = None, name: str | None = None,
        deleted: bool = False, emptied: bool = False,
    ) -> Audience | None:  # fmt: skip
        """Change a list as a user can in the web interface; None for an unknown id.

        Args:
            audience_id: Id of the list.
            associated: Whether an ad group uses it from now on.
            name: Its new name.
            deleted: Delete it with its members.
            emptied: Remove all of its members.

        Raises:
            ServiceFault: 4838 or 4853 for a name that is invalid or taken.
        """
        with self.writing:
            found = self._storage.audience(audience_id)
            if found is None:
                return None
            if name is not None:
                number = rules.name_error(name) or self._taken_error(found, name)
                if number is not None:
                    raise ServiceFault(number)
            changed = replace(
                found,
                name=found.name if name is None else name,
                associated=found.associated if associated is None else associated,
                modified_at=self._clock.now(),
            )
            if emptied:
                changed = replace(changed, members_file=None, members=0)
            self._storage.save_audience(changed)
            if emptied:
                self._files.remove(found.members_file)
            if deleted:
                self._files.remove(self._mark_deleted(changed))
            return self._storage.audience(audience_id)

    def _add_errors(self, caller: Caller, fields: ListFields | None) -> list[int]:
        if fields is None:
            return [4845]
        if fields.type != "CustomerList":
            return [4859]
        if fields.id is not None:
            return [4847]
        numbers = [
            rules.name_error(fields.name),
            *self._common_errors(fields),
            _scope_and_parent_error(caller, fields),
        ]
        if fields.name and self._find_by_name(fields.name) is not None:
            numbers.append(4853)
        numbers.append(self._limit_error(caller))
        return [number for number in numbers if number is not None]

    def _common_errors(self, fields: ListFields) -> list[int | None]:
        return [
            rules.description_error(fields.description),
            rules.duration_error(fields.membership_duration, self._settings().max_membership_days),
        ]

    def _find_by_name(self, name: str) -> Audience | None:
        return self._storage.audience_named(name, ignore_case=self._settings().names_ignore_case)

    def _taken_error(self, audience: Audience, name: str) -> int | None:
        other = self._find_by_name(name)
        return 4853 if other is not None and other.id != audience.id else None

    def _limit_error(self, caller: Caller) -> int | None:
        settings = self._settings()
        if settings.max_lists_per_account is None and settings.max_lists_per_customer is None:
            return None
        living = [audience for audience in self._storage.audiences() if not audience.deleted]
        if settings.max_lists_per_customer is not None and len(living) >= settings.max_lists_per_customer:
            return 4866
        in_account = sum(audience.parent_id == caller.account_id for audience in living)
        if settings.max_lists_per_account is not None and in_account >= settings.max_lists_per_account:
            return 4865
        return None

    def _create(self, caller: Caller, fields: ListFields) -> int:
        scope = Scope(fields.scope or "")
        now = self._clock.now()
        audience = Audience(
            id=self._storage.next_audience_id(),
            name=fields.name or "",
            description=fields.description or "",
            scope=scope,
            parent_id=rules.parent_of(scope, caller),
            membership_duration=(
                rules.DEFAULT_DURATION if fields.membership_duration is None else fields.membership_duration
            ),
            created_at=now,
            modified_at=now,
        )
        self._storage.save_audience(audience)
        return audience.id

    def _update(self, caller: Caller, fields: ListFields | None) -> list[int]:
        if fields is None or fields.id is None:
            return [4845 if fields is None else 4846]
        found = self.visible(caller, fields.id)
        if found is None:
            return [4835]
        if fields.type not in (None, "CustomerList"):
            return [4861]
        if not self._settings().updates_customer_lists:
            return [4859]
        numbers = [*self._common_errors(fields), *self._rename_errors(found, fields)]
        refused = [number for number in numbers if number is not None]
        if not refused:
            changed = _update_fields(found, fields, caller, self._clock.now())
            self.expiry.change_duration(found, changed)
            self._storage.save_audience(changed)
        return refused

    def _rename_errors(self, found: Audience, fields: ListFields) -> list[int | None]:
        numbers: list[int | None] = []
        if fields.name is not None:
            numbers += [rules.name_error(fields.name), self._taken_error(found, fields.name)]
        if fields.scope is not None:
            if fields.scope not in tuple(Scope):
                numbers.append(4849)
            elif found.scope is Scope.CUSTOMER and fields.scope == Scope.ACCOUNT:
                numbers.append(4855)
        return numbers

    def _deletable(
        self, caller: Caller, audience_id: int | None, earlier: Sequence[int | None]
    ) -> tuple[Audience | None, int | None]:
        found, number = self._lookup(caller, audience_id, earlier)
        return (None, 4854) if found is not None and found.associated else (found, number)

    def _mark_deleted(self, audience: Audience) -> str | None:
        self._storage.save_audience(
            replace(audience, deleted=True, members=0, members_file=None, modified_at=self._clock.now())
        )
        return audience.members_file

    def _lookup(
        self, caller: Caller, audience_id: int | None, earlier: Sequence[int | None]
    ) -> tuple[Audience | None, int | None]:
        if audience_id is None:
            return None, 4846
        if audience_id in earlier:
            return None, 4837
        found = self.visible(caller, audience_id)
        return found, None if found is not None else 4835


def _is_visible(audience: Audience, caller: Caller) -> bool:
    return not audience.deleted and _belongs(audience, caller)


def _belongs(audience: Audience, caller: Caller) -> bool:
    return audience.parent_id == rules.parent_of(audience.scope, caller)


def _check_lists(audiences: Sequence[ListFields | None] | None) -> Sequence[ListFields | None]:
    if not audiences:
        raise ServiceFault(4844)
    if len(audiences) > MAX_AUDIENCES_PER_CALL:
        raise ServiceFault(4850)
    return audiences


def _check_ids(ids: Sequence[int | None] | None) -> Sequence[int | None]:
    if not ids:
        raise ServiceFault(4851)
    if len(ids) > MAX_AUDIENCES_PER_CALL:
        raise ServiceFault(4852)
    return ids


def _scope_and_parent_error(caller: Caller, fields: ListFields) -> int | None:
    if fields.scope not in tuple(Scope):
        return 4849
    if fields.parent_id is None:
        return 4848
    return rules.parent_error(fields.parent_id, Scope(fields.scope), caller)


def _update_fields(found: Audience, fields: ListFields, caller: Caller, now: float) -> Audience:
    scope = found.scope if fields.scope is None else Scope(fields.scope)
    return replace(
        found,
        name=found.name if fields.name is None else fields.name,
        description=found.description if fields.description is None else fields.description,
        membership_duration=(
            found.membership_duration if fields.membership_duration is None else fields.membership_duration
        ),
        scope=scope,
        parent_id=rules.parent_of(scope, caller),
        modified_at=now,
    )
