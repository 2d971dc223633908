"""Decides on the ``Customer List`` rows of a file: the effect on each list, and on its items.

A plan reads the stored lists but changes nothing. It is made twice: while the file is read, and again at the commit.
If both agree, the results that were written in the meantime are correct.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from microsoft_advertising_simulator.audiences import rules
from microsoft_advertising_simulator.model import Action, Audience, Caller, Scope
from microsoft_advertising_simulator.settings import Settings

__all__ = ["Decision", "ListPlan", "name_key"]

_DELETE_VALUE: Final = "delete_value"
MAX_CLIENT_ID: Final = 100


class Catalogue(Protocol):
    """The stored lists."""

    def audience(self, audience_id: int) -> Audience | None:
        """The list with that id, also if it is deleted."""

    def audience_named(self, name: str, *, ignore_case: bool = False) -> Audience | None:
        """The list with that name that is not deleted; compared exactly, or without regard to case."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one list row.

    Args:
        row: Index of the row in the file.
        audience: The list as it will be stored; None if the row failed.
        action: Action of its items; None if the row gives none.
        errors: Codes for the list row.
        item_error: Code for every item of the list; 0 = the items are checked individually.
        created: Whether the list is new.
    """

    row: int
    audience: Audience | None
    action: Action | None
    errors: tuple[int, ...] = ()
    item_error: int = 0
    created: bool = False

    @property
    def empties(self) -> bool:
        """Whether a Replace empties the list: only if its items are allowed."""
        return self.item_error == 0

    def agrees_with(self, other: Decision) -> bool:
        """Whether both result in the same rows of the result file."""
        return (self.errors, self.item_error, self.action) == (other.errors, other.item_error, other.action)


def name_key(name: str) -> str:
    """Key of a list that items refer to by ``Audience`` instead of ``Parent Id``; distinct from all ids."""
    return f"\0{name}"


class ListPlan:
    """The decisions on a file's list rows, in file order.

    Args:
        catalogue: The stored lists.
        caller: The caller of the upload.
        settings: Limits and switches.
        now: Time of the changes.
        new_id: Returns the ids of new lists.
    """

    def __init__(
        self, catalogue: Catalogue, caller: Caller, settings: Settings, now: float, new_id: Callable[[], int]
    ) -> None:
        self._catalogue = catalogue
        self._caller = caller
        self._settings = settings
        self._now = now
        self._new_id = new_id
        self._pending: dict[int, Audience] = {}
        self.decisions: list[Decision] = []
        self.keys: dict[str, int] = {}
        """Index into `decisions` by the key that items use: the Id as uploaded, or `name_key`."""

    def decide(self, row: int, values: Mapping[str, str]) -> Decision:
        """Decide on the next list row and store the decision for its items."""
        decision = self._judge(row, values)
        slot = len(self.decisions)
        self.decisions.append(decision)
        if values["Id"]:
            self.keys.setdefault(values["Id"], slot)
        name = decision.audience.name if decision.audience else values["Audience"]
        self.keys.setdefault(name_key(name), slot)
        if decision.audience is not None:
            self._pending[decision.audience.id] = decision.audience
        return decision

    def _judge(self, row: int, values: Mapping[str, str]) -> Decision:
        identifier = _integer(values["Id"])
        if values["Id"] and (identifier is None or values["Id"] in self.keys):
            return _fail(row, [4835 if identifier is None else 4837])
        if len(values["Client Id"]) > MAX_CLIENT_ID:
            return _fail(row, [201])
        if values["Status"] == "Deleted":
            return self._delete(row, identifier)
        if values["Accept Customer Match Term"] not in ("", "True", "False"):
            return _fail(row, [201])
        if identifier is None or identifier < 0:
            return self._create(row, values)
        return self._update(row, identifier, values)

    def _create(self, row: int, values: Mapping[str, str]) -> Decision:
        duration = _duration(values["Membership Duration"])
        errors = [
            *self._field_errors(values),
            rules.name_error(values["Audience"]),
            4853 if self._find_by_name(values["Audience"]) is not None else None,
            self._scope_error(values),
        ]
        refused = [number for number in errors if number is not None]
        if refused:
            return _fail(row, refused)
        scope = Scope(values["Scope"])
        audience = Audience(
            id=self._new_id(),
            name=values["Audience"],
            description=_text(values["Description"], ""),
            scope=scope,
            parent_id=rules.parent_of(scope, self._caller),
            membership_duration=rules.DEFAULT_DURATION if duration is None else duration,
            created_at=self._now,
            modified_at=self._now,
        )
        return replace(self._accept(row, audience, Action.ADD, values), created=True)

    def _update(self, row: int, identifier: int, values: Mapping[str, str]) -> Decision:
        found = self._find_living(identifier)
        if found is None:
            return _fail(row, [4835])
        name = values["Audience"] or found.name
        other = self._find_by_name(name)
        action = rules.action_of(values["Action Type"], delete_removes=self._settings.delete_removes)
        errors = [
            *self._field_errors(values),
            rules.name_error(name),
            4853 if other is not None and other.id != found.id else None,
            8001 if values["Action Type"] and action is None else None,
        ]
        refused = [number for number in errors if number is not None]
        if refused:
            return _fail(row, refused)
        duration = _duration(values["Membership Duration"])
        audience = replace(
            found,
            name=name,
            description=_text(values["Description"], found.description),
            membership_duration=found.membership_duration if duration is None else duration,
            modified_at=self._now,
        )
        return self._accept(row, audience, action, values)

    def _delete(self, row: int, identifier: int | None) -> Decision:
        found = None if identifier is None else self._find_living(identifier)
        if found is None:
            return _fail(row, [4835 if identifier is not None else 4846])
        if found.associated:
            return _fail(row, [4854])
        return Decision(row, replace(found, deleted=True, modified_at=self._now), None, item_error=8000)

    def _accept(
        self, row: int, audience: Audience, action: Action | None, values: Mapping[str, str]
    ) -> Decision:
        accepted = self._settings.terms_accepted or values["Accept Customer Match Term"] == "True"
        refusal = 0 if accepted or action is Action.REMOVE else 8003
        return Decision(row, audience, action, item_error=8001 if action is None else refusal)

    def _field_errors(self, values: Mapping[str, str]) -> list[int | None]:
        text = values["Membership Duration"]
        duration = _duration(text)
        is_number = duration is not None or text in ("", _DELETE_VALUE)
        return [
            rules.description_error(values["Description"]),
            rules.duration_error(duration, self._settings.max_membership_days) if is_number else 4842,
            8003 if values["Accept Customer Match Term"] == "False" else None,
        ]

    def _scope_error(self, values: Mapping[str, str]) -> int | None:
        allowed = tuple(Scope) if self._settings.account_scope_in_bulk else (Scope.CUSTOMER,)
        if values["Scope"] not in allowed:
            return 4849
        if not values["Parent Id"]:
            return None
        return rules.parent_error(values["Parent Id"], Scope(values["Scope"]), self._caller)

    def _find_living(self, identifier: int) -> Audience | None:
        found = self._pending.get(identifier) or self._catalogue.audience(identifier)
        if found is None or found.deleted:
            return None
        return found if found.parent_id == rules.parent_of(found.scope, self._caller) else None

    def _find_by_name(self, name: str) -> Audience | None:
        ignore_case = self._settings.names_ignore_case
        for audience in self._pending.values():
            same = audience.name == name or (ignore_case and audience.name.casefold() == name.casefold())
            if same and not audience.deleted:
                return audience
        found = self._catalogue.audience_named(name, ignore_case=ignore_case)
        return None if found is None or found.id in self._pending else found


def _fail(row: int, errors: list[int]) -> Decision:
    """Fail a list and its items: with 8000 (observed), or with the list's own 8001 or 8003."""
    own = [number for number in errors if number in (8001, 8003)]
    return Decision(row, None, None, tuple(errors), own[0] if own else 8000)


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _duration(text: str) -> int | None:
    return rules.DEFAULT_DURATION if text == _DELETE_VALUE else _integer(text)


def _text(text: str, present: str) -> str:
    if text == _DELETE_VALUE:
        return ""
    return text or present
