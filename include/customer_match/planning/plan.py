"""The step `chunk`: from a target and the ledger to the parts that bring the audience there.

Add T − certain, Remove possible − T. If anybody may be in the audience, or all is to be sent, Replace: its
first part replaces and is awaited, the rest are Adds, because each Replace wipes what came before it
(documented: "removes all previous data of the list"; what several do is not, so only one is ever sent).
Where members are to be renewed, all of T is added instead: those who are there stay for their whole duration anew.
Which route the parts take is decided here too, and stands in each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from customer_match.errors import TerminalError
from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part
from customer_match.ledger.state import State
from customer_match.ledger.view import is_known, windows
from customer_match.members.digests import Digests
from customer_match.members.files import Files, MembersFile, read_members, write_members
from customer_match.routes import APPLY_PART_MEMBERS, Route, RouteChoice, choose_route
from customer_match.safe_names import slug
from customer_match.table_facts import TableFacts

__all__ = ["Plan", "plan_parts"]


class Plan(BaseModel):
    """The way from what the ledger knows to a target.

    Attributes:
        id: Names the plan; the ledger keeps it while the plan is carried out, and after.
        based_on: The ledger state's basis; None where an earlier plan was not over yet.
        target: The members that the audience will have.
        parts: In the order in which they are sent: leavers first.
        added: Members that are sent because they may be missing.
        removed: Members that leave; None where nobody knows who is in the audience.
        unchanged: Members that surely are there already.
        renewed: How many of them are sent again, so that they do not lapse.
        replaces: Whether the first part replaces the audience.
        part_size: Members in one part at the most.
        full: Whether a Replace was asked for.
        renew: Whether it was asked that members are renewed.
        wanted_route: The route that was asked for.
        damage: Why the ledger is not trusted, so that the audience is replaced; None normally.
        table: Counts of the table that the target comes from; None in plans from before they were kept.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    based_on: str | None
    target: MembersFile
    parts: tuple[Part, ...]
    added: NonNegativeInt
    removed: NonNegativeInt | None
    unchanged: NonNegativeInt
    renewed: NonNegativeInt = 0
    replaces: bool
    part_size: PositiveInt
    full: bool
    renew: bool = False
    wanted_route: RouteChoice = "bulk"
    damage: str | None = None
    table: TableFacts | None = None

    @property
    def sent(self) -> int:
        """Members that are sent: to be added, removed or replaced."""
        return sum(part.members.count for part in self.parts)

    @property
    def route(self) -> Route | None:
        """How its parts travel; None if there are none."""
        return self.parts[0].route if self.parts else None

    @property
    def files(self) -> tuple[MembersFile, ...]:
        """All that it names."""
        return (self.target, *(part.members for part in self.parts))

    @property
    def sends_all(self) -> bool:
        """Whether every member of the target is sent: once it is done, the duration of each begins anew."""
        return self.replaces or self.added + self.renewed == self.target.count

    @property
    def uses_calls_from_empty(self) -> bool:
        """Whether the way to its target from an empty audience would be calls."""
        route = choose_route(self.wanted_route, members=self.target.count, replaces=self.full)
        return route is Route.APPLY

    def by_bulk(self) -> Plan:
        """The same with its parts sent by Bulk."""
        parts = tuple(part.model_copy(update={"route": Route.BULK}) for part in self.parts)
        return self.model_copy(update={"parts": parts})

    def fits(self, state: State) -> bool:
        """Whether it leads from this settled state to its target, as it did from the one that it was made from.

        A Replace does from anywhere; a difference only where nothing was sent since.
        """
        return self.replaces or (self.based_on is not None and self.based_on == state.basis)


def plan_parts(
    files: Files,
    state: State,
    target: MembersFile,
    *,
    plan_id: str,
    folder: str,
    part_size: int,
    full: bool = False,
    renew: bool = False,
    route: RouteChoice = "bulk",
    table: TableFacts | None = None,
) -> Plan:
    """Write the parts that bring the audience to the target.

    Args:
        files: The workspace.
        state: The ledger's newest state.
        target: The members that the audience shall have.
        plan_id: Unique name of the plan.
        folder: Where in the workspace the parts go, into a folder of the plan's own: the ledger may name the
            parts of an earlier plan of the same run.
        part_size: Members in one part at the most.
        full: Replace even where the difference would do.
        renew: Add all members again, also those who are there.
        route: How the parts are to travel; `auto` decides by the size of the difference.
        table: Counts of the table that the target comes from.

    Raises:
        TerminalError: If nobody shall be left in an audience whose members are unknown. One that is not known to
            exist is left to the delivery: created anew, it is empty.
        DamagedMembers: If a file that the ledger names cannot be read.
    """
    known = is_known(state)
    if not known and not target.count and state.audience_id is not None:
        raise _nobody_to_leave(state.audience)
    replaces = bool(target.count) and (full or not known)
    difference = _difference(files, state, target)
    renewed = target.count - difference.missing if renew and not replaces else 0
    members = target.count if replaces else difference.missing + renewed + difference.leaving
    chosen = choose_route(route, members=members, replaces=replaces)
    cutter = _Cutter.of(files, f"{folder}/{slug(plan_id)}", chosen, part_size)
    return Plan(
        id=plan_id,
        based_on=state.basis,
        target=target,
        parts=_parts(cutter, state, target, replaces=replaces, renew=renew),
        added=difference.missing,
        removed=difference.leaving if known else None,
        unchanged=target.count - difference.missing,
        renewed=renewed,
        replaces=replaces,
        part_size=part_size,
        full=full,
        renew=renew,
        wanted_route=route,
        damage=state.damage,
        table=table,
    )


def _nobody_to_leave(audience: str) -> TerminalError:
    return TerminalError(
        f"Nobody is left in the segment, and nobody knows who is in the audience {audience!r}: "
        "it cannot be emptied by a difference. Delete the audience at Microsoft Advertising; a run whose segment "
        "is still there creates it anew."
    )


class _Difference(NamedTuple):
    """How many members are to be added, and how many are to be removed."""

    missing: int
    leaving: int


def _difference(files: Files, state: State, target: MembersFile) -> _Difference:
    missing = leaving = 0
    for window in windows(files, state, target):
        missing += int(window.newcomers.sum())
        leaving += int(window.leavers.sum())
    return _Difference(missing, leaving)


def plan_again(files: Files, state: State, plan: Plan, *, folder: str) -> Plan:
    """The same target from another state: the ledger has moved on since the plan was made.

    Raises:
        TerminalError: As `plan_parts`.
    """
    return plan_parts(
        files,
        state,
        plan.target,
        plan_id=plan.id,
        folder=folder,
        part_size=plan.part_size,
        full=plan.full,
        renew=plan.renew,
        route=plan.wanted_route,
        table=plan.table,
    )


def _parts(
    cutter: _Cutter, state: State, target: MembersFile, *, replaces: bool, renew: bool
) -> tuple[Part, ...]:
    files = cutter.files
    if replaces:
        return cutter.cut(read_members(files, target), "replace", first=Action.REPLACE, then=Action.ADD)
    leavers = (w.digests[w.leavers] for w in windows(files, state, target))
    added = (w.digests[w.in_target if renew else w.newcomers] for w in windows(files, state, target))
    return (
        *cutter.cut(leavers, "remove", first=Action.REMOVE, then=Action.REMOVE),
        *cutter.cut(added, "add", first=Action.ADD, then=Action.ADD),
    )


@dataclass(frozen=True)
class _Cutter:
    """Writes sorted members into a folder as parts of one route, each of at most `size`."""

    files: Files
    folder: str
    route: Route
    size: int

    @classmethod
    def of(cls, files: Files, folder: str, route: Route, part_size: int) -> _Cutter:
        """One that keeps the bounds of the route too."""
        return cls(
            files, folder, route, min(part_size, APPLY_PART_MEMBERS) if route is Route.APPLY else part_size
        )

    def cut(self, arrays: Iterable[Digests], name: str, *, first: Action, then: Action) -> tuple[Part, ...]:
        """The parts, in order: the first has an action of its own."""
        numbered = groupby(_number_parts(arrays, self.size), key=itemgetter(0))
        return tuple(
            Part(
                action=then if number else first,
                route=self.route,
                members=write_members(
                    self.files,
                    f"{self.folder}/{name}-{number + 1:04d}.parquet",
                    (array for _, array in group),
                ),
            )
            for number, group in numbered
        )


def _number_parts(arrays: Iterable[Digests], part_size: int) -> Iterator[tuple[int, Digests]]:
    """The same members, with the number of the part that each array belongs to."""
    position = 0
    for array in arrays:
        start = 0
        while start < len(array):
            number, filled = divmod(position, part_size)
            piece = array[start : start + part_size - filled]
            yield number, piece
            start += len(piece)
            position += len(piece)
