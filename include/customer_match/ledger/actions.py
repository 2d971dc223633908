"""The actions on the members of an audience."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Action"]


class Action(StrEnum):
    """What a part does to the members of its audience."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"
