"""Rules for the fields of a customer list: pure functions that return an error code or None."""

from __future__ import annotations

import re
from typing import Final

from microsoft_advertising_simulator.model import Action, Caller, Scope

__all__ = [
    "DEFAULT_DURATION",
    "action_of",
    "description_error",
    "duration_error",
    "hash_expression",
    "hash_pattern",
    "name_error",
    "parent_error",
    "parent_of",
]

MAX_NAME: Final = 128
MAX_DESCRIPTION: Final = 1024
NEVER_EXPIRES: Final = -1
DEFAULT_DURATION: Final = 30

_LOWER: Final = r"\A[0-9a-f]{64}\z"
_ANY_CASE: Final = r"\A[0-9a-fA-F]{64}\z"


def name_error(name: str | None) -> int | None:
    """4838 unless the name has 1 to 128 characters (documented)."""
    return None if name and name.strip() and len(name) <= MAX_NAME else 4838


def description_error(description: str | None) -> int | None:
    """4841 if the description is longer than 1024 characters (documented)."""
    return 4841 if description is not None and len(description) > MAX_DESCRIPTION else None


def duration_error(days: int | None, maximum: int | None) -> int | None:
    """4842 unless the duration is absent, -1 (never expires) or 1 to `maximum` days; None = any number."""
    if days is None or days == NEVER_EXPIRES or (days >= 1 and (maximum is None or days <= maximum)):
        return None
    return 4842


def action_of(text: str | None, *, delete_removes: bool) -> Action | None:
    """The action with a name, if any (one page calls Remove `Delete`)."""
    if text == "Delete" and delete_removes:
        return Action.REMOVE
    return Action(text) if text in tuple(Action) else None


def parent_of(scope: Scope, caller: Caller) -> str:
    """The parent that belongs to a scope: the account, or else the customer (documented)."""
    return caller.account_id if scope is Scope.ACCOUNT else caller.customer_id


def parent_error(parent_id: str, scope: Scope, caller: Caller) -> int | None:
    """4843 for the parent of the other scope, 4848 for any other foreign id."""
    if parent_id == parent_of(scope, caller):
        return None
    return 4843 if parent_id in (caller.account_id, caller.customer_id) else 4848


def hash_pattern(*, upper_case: bool) -> re.Pattern[str]:
    """A SHA-256 digest in hex, in the syntax of Python's engine."""
    return re.compile((_ANY_CASE if upper_case else _LOWER).replace(r"\z", r"\Z"))


def hash_expression(*, upper_case: bool) -> str:
    """As `hash_pattern`, in the syntax of polars' engine."""
    return _ANY_CASE if upper_case else _LOWER
