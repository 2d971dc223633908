"""Where members may be: the workspaces of all exports, and the accounts whose audiences these exports fill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook
from airflow_microsoft_advertising.lake.workspaces import open_workspace
from customer_match.errors import CustomerMatchError
from customer_match.ledger.lookup import Ledgers
from customer_match.workspace.workspace import Workspace
from customer_match_delivery.marks import Mark, mark_in

if TYPE_CHECKING:
    from customer_match.export.loading import BrokenExport
    from customer_match.export.model import Export
    from customer_match.ledger.state import State
    from customer_match.routes import RouteChoice
    from microsoft_advertising.models import Audience

__all__ = ["Account", "Place", "Target", "places_of", "unreadable_ledger"]


@dataclass(frozen=True)
class Target:
    """An audience that may have members to remove.

    Attributes:
        name: Its name, as its ledger has it.
        owner: The mark that it gets if its description has none.
        route: The route that its export wants.
        audience_id: Its id, if it was found at the service and no ledger names it; None: that of its ledger.
    """

    name: str
    owner: Mark
    route: RouteChoice = "auto"
    audience_id: str | None = None


class Targets(NamedTuple):
    """The audiences of an account.

    Attributes:
        found: Those that may have members to remove.
        moved: Names of ledgers that were moved to the audience's new name.
        unknown: Folders of ledgers whose audience cannot be found out.
    """

    found: Sequence[Target]
    moved: Sequence[str]
    unknown: Sequence[str]


@dataclass(frozen=True)
class Account:
    """An account at the service, and the exports to it that share a workspace.

    Attributes:
        exports: The exports, at least one.
        workspace: Their workspace.
    """

    exports: Sequence[Export]
    workspace: Workspace

    @property
    def id(self) -> str:
        """The account's id at the service."""
        return self.exports[0].aid

    def reach(self) -> tuple[MicrosoftAdvertisingHook, list[Audience]]:
        """Find a connection of the account's exports that can be used.

        Returns:
            Its hook, and all audiences of the account.

        Raises:
            CustomerMatchError: There is none; the error is that of the first.
        """
        errors = []
        for hook in self.hooks:
            try:
                with hook.get_conn() as client:
                    return hook, client.list_audiences()
            except CustomerMatchError as error:
                errors.append(error)
        raise errors[0]

    @property
    def hooks(self) -> list[MicrosoftAdvertisingHook]:
        """A hook for each connection of its exports: one that works is enough."""
        customers = {export.connection: export.cid for export in self.exports}
        return [
            MicrosoftAdvertisingHook(connection, customer_id=cid, account_id=self.id)
            for connection, cid in customers.items()
        ]

    @property
    def ledgers(self) -> Ledgers:
        """Its ledgers in the workspace."""
        return Ledgers(self.workspace, self.id)

    def targets(self, at_service: Iterable[Audience]) -> Targets:
        """All audiences of the exports: those that have a ledger, and those at the service that carry their marks.

        Args:
            at_service: All audiences of the account.
        """
        marked = [
            (one, mark) for one in at_service if (mark := mark_in(one.description)) and self._is_ours(mark)
        ]
        known = [one.name for one, _ in marked]
        known += [one.audience or one.table for export in self.exports for one in export.segments]
        names, unknown = self.ledgers.names(known)
        states = {name: self.ledgers.of(name).load().state for name in names}
        own = {name: state for name, state in states.items() if state.moved_to is None}
        ids = {state.audience_id for state in own.values()}
        found = [self._target(name, self._owner(state)) for name, state in own.items()]
        found += [self._target(one.name, mark, one.id) for one, mark in marked if one.id not in ids]
        return Targets(found, [name for name in states if name not in own], unknown)

    def _owner(self, state: State) -> Mark:
        return Mark.of(f"[customer-match:{state.segment or self.exports[0].name}]")

    def _target(self, name: str, owner: Mark, audience_id: str | None = None) -> Target:
        by_name = {export.name: export for export in self.exports}
        return Target(name, owner, by_name.get(owner.export, self.exports[0]).route, audience_id)

    def _is_ours(self, mark: Mark) -> bool:
        return mark.export in {export.name for export in self.exports}


@dataclass(frozen=True)
class Place:
    """A workspace.

    Attributes:
        location: Where it is.
        workspace: It.
        accounts: The accounts of its exports.
        unreached: What cannot be looked at, and what to do.
    """

    location: str
    workspace: Workspace
    accounts: Sequence[Account]
    unreached: Sequence[str] = ()


def places_of(exports: Iterable[Export | BrokenExport]) -> list[Place]:
    """Group exports by workspaces and accounts. What cannot be looked at is named at every place."""
    from customer_match.export.loading import BrokenExport  # noqa: PLC0415 (parses YAML)

    groups: dict[str, list[Export]] = {}
    unreached = []
    for export in exports:
        if isinstance(export, BrokenExport):
            unreached.append(
                f"The export file {export.path.name} is not valid, so its audiences were not looked at. Correct it "
                "(`customer-match validate`)."
            )
        else:
            groups.setdefault(export.workspace.locate(), []).append(export)
    return [_place(location, group, unreached) for location, group in groups.items()]


def unreadable_ledger(folder: str) -> str:
    """Say that a ledger cannot be read, and what to do about it."""
    return (
        f"No state of the ledger in {folder} of the workspace can be read, and no audience has its name. If the "
        "audience does not exist any more, delete the folder; otherwise run its export once."
    )


def _place(location: str, exports: Sequence[Export], unreached: Sequence[str]) -> Place:
    workspace = open_workspace(
        exports[0].workspace.connection,
        location,
        encrypt_members=any(export.encrypt_members for export in exports),
    )
    ids = dict.fromkeys(export.aid for export in exports)
    accounts = [Account([one for one in exports if one.aid == aid], workspace) for aid in ids]
    others = [
        f"The workspace has ledgers of the account {aid}, which no export file names, so there is no connection to it. "
        f"Add an export file with `aid: {aid}`; or, if the audiences of that account were deleted, delete the folder "
        f"ledgers/{aid} of the workspace."
        for aid in workspace.list("ledgers")
        if aid not in ids
    ]
    return Place(location, workspace, accounts, [*unreached, *others])
