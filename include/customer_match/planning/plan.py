"""The step `chunk`: plans the parts that bring an audience from the ledger's bounds to its target T.

Add T − certain, Remove possible − T. If the possible members are unknown, or a full run is requested, Replace: the
first part replaces and is awaited, the other parts are Adds. Each Replace removes what was sent before it (documented:
"removes all previous data of the list"); the effect of several is not documented, so only one is ever sent. To renew
members, all of T is added instead, which restarts the membership duration of members that are already there. The plan
also decides the route and records it in each part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from customer_match.errors import TerminalError
from customer_match.ledger.actions import Action
from customer_match.ledger.parts import Part
from customer_match.ledger.state import State
from customer_match.ledger.view import Window, has_members, is_known, windows
from customer_match.members.digests import Digests
from customer_match.members.distinct import Spilling
from customer_match.members.files import Files, MembersFile, copy_members, read_members, write_members
from customer_match.members.releasing import Releasing
from customer_match.routes import APPLY_PART_MEMBERS, Route, RouteChoice, choose_route
from customer_match.safe_names import slug
from customer_match.table_facts import TableFacts

__all__ = ["Plan", "plan_parts"]


class Plan(BaseModel):
    """The parts that lead from the ledger's state to a target.

    Attributes:
        id: Id of the plan; the ledger keeps it during the delivery and afterwards.
        based_on: Basis of the ledger's state; None if an earlier plan was unfinished.
        target: The members that the audience will have.
        parts: The parts in the order in which they are sent; removals come first.
        added: Number of members that are sent because they may be missing.
        removed: Number of members that are removed; None if the audience's members are unknown.
        unchanged: Number of members that are certainly there already.
        renewed: Number of these that are sent again, so that they do not lapse.
        replaces: Whether the first part replaces the audience.
        part_size: Largest number of members in one part.
        full: Whether a Replace was requested.
        renew: Whether members are to be renewed.
        wanted_route: The requested route.
        damage: Why the ledger is not trusted, so that the audience is replaced; None normally.
        table: Counts of the table that the target comes from; None in old plans that did not record them.
        register_number: Number of the register of erased members that the target was checked against; 0: of none.
        erased: Number of members that were taken out of the target, because they asked for erasure after the segment
            was read.
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
    register_number: NonNegativeInt = 0
    erased: NonNegativeInt = 0

    @property
    def sent(self) -> int:
        """Number of members that are sent, for any action."""
        return sum(part.members.count for part in self.parts)

    @property
    def route(self) -> Route | None:
        """The route of the parts; None if there are none."""
        return self.parts[0].route if self.parts else None

    @property
    def files(self) -> tuple[MembersFile, ...]:
        """All files of members that the plan names."""
        return (self.target, *(part.members for part in self.parts))

    @property
    def sends_all(self) -> bool:
        """Whether every member of the target is sent, which restarts the membership duration of each."""
        return self.replaces or self.added + self.renewed == self.target.count

    @property
    def uses_calls_from_empty(self) -> bool:
        """Whether the target would be sent by calls of the synchronous API if the audience were empty."""
        route = choose_route(self.wanted_route, members=self.target.count, replaces=self.full)
        return route is Route.APPLY

    def by_bulk(self) -> Plan:
        """The same plan with its parts sent as Bulk uploads."""
        parts = tuple(part.model_copy(update={"route": Route.BULK}) for part in self.parts)
        return self.model_copy(update={"parts": parts})

    def fits(self, state: State) -> bool:
        """Whether the plan still leads from this settled state to its target.

        A Replace does so from any state, a difference only if nothing was sent since the plan was made.
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
    register_number: int = 0,
) -> Plan:
    """Plan the parts that bring the audience to the target, and write their members to files.

    Args:
        files: The workspace.
        state: The ledger's newest state.
        target: The members that the audience is to have.
        plan_id: Unique id of the plan.
        folder: Folder in the workspace; the parts go to a subfolder of the plan's own, because the ledger may name
            the parts of an earlier plan of the same run.
        part_size: Largest number of members in one part.
        full: Replace the audience even if a difference would be enough.
        renew: Add all members again, including those that are already there.
        route: The route of the parts; `auto` decides by the size of the difference.
        table: Counts of the table that the target comes from.
        register_number: Number of the register of erased members that the target was checked against.

    Raises:
        TerminalError: The target is empty and the audience's members are unknown. (An audience that is not known to
            exist is left to the delivery: it is created empty.)
        DamagedMembers: A file that the ledger names cannot be read.
    """
    known = is_known(state)
    if not known and not target.count and state.audience_id is not None:
        raise _cannot_empty(state.audience)
    replaces = bool(target.count) and (full or not known)
    with _Difference(keep=not replaces) as difference:
        if has_members(state):
            difference.read(windows(files, state, target))
        else:
            difference.missing = target.count
        missing, leaving = difference.missing, difference.leaving
        renewed = target.count - missing if renew and not replaces else 0
        members = target.count if replaces else missing + renewed + leaving
        chosen = choose_route(route, members=members, replaces=replaces)
        cutter = _Cutter.of(files, f"{folder}/{slug(plan_id)}", chosen, part_size)
        return Plan(
            id=plan_id,
            based_on=state.basis,
            target=target,
            parts=_parts(cutter, difference, target, replaces=replaces, renew=renew),
            added=missing,
            removed=leaving if known else None,
            unchanged=target.count - missing,
            renewed=renewed,
            replaces=replaces,
            part_size=part_size,
            full=full,
            renew=renew,
            wanted_route=route,
            damage=state.damage,
            table=table,
            register_number=register_number,
        )


def _cannot_empty(audience: str) -> TerminalError:
    return TerminalError(
        f"The segment has no members, and the members of the audience {audience!r} are unknown, so they cannot be "
        "removed one by one. Delete the audience at Microsoft Advertising; if the segment still exists, the next run "
        "creates it again."
    )


class _Difference(Releasing):
    """The members to add and to remove, sorted, in constant memory.

    Args:
        keep: Whether the members are needed; otherwise they are only counted.
    """

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self.missing = self.leaving = 0
        self.newcomers, self.leavers = Spilling(digests=1), Spilling(digests=1)

    def release(self) -> None:
        """Free the temporary files."""
        self.newcomers.release()
        self.leavers.release()

    def read(self, sets: Iterable[Window]) -> None:
        """Collect the members of all windows, which follow one another in order."""
        for window in sets:
            self.missing += int(window.newcomers.sum())
            self.leaving += int(window.leavers.sum())
            if self._keep:
                self.newcomers.add(window.digests[window.newcomers])
                self.leavers.add(window.digests[window.leavers])


def plan_again(files: Files, state: State, plan: Plan, *, folder: str) -> Plan:
    """Plan the same target from another state, because the ledger has changed since the plan was made.

    Raises:
        TerminalError: As in `plan_parts`.
    """
    again = plan_parts(
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
        register_number=plan.register_number,
    )
    return again.model_copy(update={"erased": plan.erased})


def removal_parts(
    files: Files, members: Digests, *, folder: str, part_size: int, route: RouteChoice
) -> tuple[Part, ...]:
    """Write the parts that remove these members, whoever else is in the audience.

    Args:
        files: The workspace.
        members: Sorted: shape (n, 32).
        folder: Folder in the workspace for the parts.
        part_size: Largest number of members in one part.
        route: The route of the parts; `auto` decides by their number.
    """
    chosen = choose_route(route, members=len(members), replaces=False)
    cutter = _Cutter.of(files, folder, chosen, part_size)
    return cutter.cut([members], "remove", first=Action.REMOVE, then=Action.REMOVE)


def _parts(
    cutter: _Cutter, difference: _Difference, target: MembersFile, *, replaces: bool, renew: bool
) -> tuple[Part, ...]:
    if replaces:
        return cutter.cut_file(target, "replace", first=Action.REPLACE, then=Action.ADD)
    removals = cutter.cut(difference.leavers.buckets(), "remove", first=Action.REMOVE, then=Action.REMOVE)
    if renew or difference.missing == target.count:
        return *removals, *cutter.cut_file(target, "add", first=Action.ADD, then=Action.ADD)
    newcomers = difference.newcomers.buckets()
    return *removals, *cutter.cut(newcomers, "add", first=Action.ADD, then=Action.ADD)


@dataclass(frozen=True)
class _Cutter:
    """Writes sorted members to a folder as parts of one route, each of at most `size` members."""

    files: Files
    folder: str
    route: Route
    size: int

    @classmethod
    def of(cls, files: Files, folder: str, route: Route, part_size: int) -> _Cutter:
        """A cutter whose parts also respect the limit of the route."""
        return cls(
            files, folder, route, min(part_size, APPLY_PART_MEMBERS) if route is Route.APPLY else part_size
        )

    def cut(self, arrays: Iterable[Digests], name: str, *, first: Action, then: Action) -> tuple[Part, ...]:
        """Write the parts in order; the first may have another action than the rest."""
        numbered = groupby(_number_parts(arrays, self.size), key=itemgetter(0))
        return tuple(
            Part(
                action=then if number else first,
                route=self.route,
                members=write_members(self.files, self._path(name, number), (array for _, array in group)),
            )
            for number, group in numbered
        )

    def cut_file(self, members: MembersFile, name: str, *, first: Action, then: Action) -> tuple[Part, ...]:
        """As `cut`, for all members of a file. A single part gets a file of its own too: the other may be replaced."""
        if not 0 < members.count <= self.size:
            return self.cut(read_members(self.files, members), name, first=first, then=then)
        return (
            Part(
                action=first, route=self.route, members=copy_members(self.files, self._path(name, 0), members)
            ),
        )

    def _path(self, name: str, number: int) -> str:
        return f"{self.folder}/{name}-{number + 1:04d}.parquet"


def _number_parts(arrays: Iterable[Digests], part_size: int) -> Iterator[tuple[int, Digests]]:
    """The same members as arrays, each with the number of its part."""
    position = 0
    for array in arrays:
        start = 0
        while start < len(array):
            number, filled = divmod(position, part_size)
            piece = array[start : start + part_size - filled]
            yield number, piece
            start += len(piece)
            position += len(piece)
