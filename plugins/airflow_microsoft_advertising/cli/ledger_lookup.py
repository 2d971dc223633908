"""Finds the ledger that a person names by its audience, and compares it with the audience at the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.cli.output import logs_on_stderr
from customer_match.errors import ConfigurationError, CustomerMatchError
from customer_match.project import exports_folder

if TYPE_CHECKING:
    from customer_match.export.model import Export
    from customer_match.ledger.lease import Lease
    from customer_match.ledger.lookup import Ledgers
    from customer_match.ledger.state import State
    from customer_match.ledger.store import Ledger
    from customer_match.workspace.workspace import Workspace

__all__ = ["Comparison", "FoundLedger"]


@dataclass(frozen=True)
class Comparison:
    """What came of comparing a ledger with its audience.

    Attributes:
        mismatch: Why the ledger does not know what the audience holds, and what the next run does about it; None if it
            does know, or was not compared.
        not_compared: Why it could not be compared; None if it was.
    """

    mismatch: str | None = None
    not_compared: str | None = None

    def __str__(self) -> str:
        if self.not_compared:
            return f"Not compared with the audience: {self.not_compared}"
        return "It knows all that was sent to the audience."


@dataclass(frozen=True)
class FoundLedger:
    """A ledger that is there, and the run that is at work on its audience, if one is."""

    export: Export
    audience: str
    ledger: Ledger
    busy: str | None
    workspace: Workspace
    lease: Lease | None = None

    @classmethod
    @logs_on_stderr()
    def of(cls, audience: str, export: str | None) -> FoundLedger:
        """The one ledger of this audience.

        Raises:
            ConfigurationError: There is none, or there are several, or it was closed when the audience was renamed.
        """
        all_there = _ledgers(audience, _exports(export))
        found = [one for one in all_there if one.ledger.load().number or one.busy]
        if len({(one.export.aid, one.export.workspace.locate()) for one in found}) > 1:
            names = ", ".join(one.export.name for one in found)
            raise ConfigurationError(
                f"Several exports have the audience {audience!r}: name one with --export: {names}."
            )
        if not found:
            raise ConfigurationError(
                f"No ledger of an audience {audience!r} in the workspaces of the exports. Is the name written as in "
                "the export file, upper and lower case too? Before the first run there is none."
            )
        new_name = found[0].ledger.load().state.moved_to
        if new_name and not found[0].busy:
            raise ConfigurationError(
                f"The audience {audience!r} was renamed: what is known of it goes on as {new_name!r}. Give that name."
            )
        return found[0]

    @property
    def ledgers(self) -> Ledgers:
        """The ledgers of the export's account."""
        from customer_match.ledger.lookup import Ledgers  # noqa: PLC0415 - keeps --help quick

        return Ledgers(self.workspace, self.export.aid)

    @logs_on_stderr()
    def compare(self, state: State) -> Comparison:
        """The ledger beside the audience's generation, where the service can be asked."""
        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415
        from customer_match_delivery.generation import distrust_of  # noqa: PLC0415

        export = self.export
        if state.audience_id is None:
            return Comparison(not_compared="the ledger tells of none.")
        try:
            hook = MicrosoftAdvertisingHook(export.connection, customer_id=export.cid, account_id=export.aid)
            with hook.get_conn() as client:
                audience = client.get_audience(state.audience_id)
        except CustomerMatchError as error:
            return Comparison(not_compared=str(error))
        if audience is None:
            return Comparison(self._gone(state.audience_id))
        if mismatch := distrust_of(state, audience.description, self.ledgers):
            return Comparison(f"{mismatch} The next run replaces the whole audience.")
        generation = state.generation
        uncovered = "it has no generation yet." if generation is None else generation.uncovered
        return Comparison(not_compared=uncovered)

    def _gone(self, audience_id: str) -> str:
        """That the audience is not there any more, and what follows."""
        is_given = audience_id in {one.audience_id for one in self.export.segments}
        follows = (
            "Correct the `audience_id` in the export file, or remove it: the next run then creates the audience."
            if is_given
            else "The next run creates it anew, with all members."
        )
        return f"There is no audience with the id {audience_id} any more. {follows}"


def _exports(name: str | None) -> list[Export]:
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415 - keeps --help quick

    exports = [export for export in load_exports(exports_folder()) if not isinstance(export, BrokenExport)]
    chosen = [export for export in exports if name in {None, export.name}]
    if not chosen:
        names = ", ".join(export.name for export in exports)
        raise ConfigurationError(
            f"There is no usable export {name!r} in {exports_folder()}. There are: {names or 'none'}."
        )
    return chosen


def _ledgers(audience: str, exports: list[Export]) -> Iterator[FoundLedger]:
    from airflow_microsoft_advertising.lake.filesystem import filesystem  # noqa: PLC0415 - keeps --help quick
    from customer_match.ledger.lease import Lease  # noqa: PLC0415
    from customer_match.ledger.store import Ledger, ledger_folder  # noqa: PLC0415
    from customer_match.workspace.workspace import Workspace  # noqa: PLC0415

    for export in exports:
        workspace = Workspace(*filesystem(export.workspace.connection, export.workspace.locate()))
        folder = ledger_folder(export.aid, audience)
        holding = Lease(workspace, folder, audience=audience, holder="").current()
        busy = holding.holder if holding else None
        lease = Lease(workspace, folder, audience=audience, holder=busy) if busy else None
        yield FoundLedger(export, audience, Ledger(workspace, folder, audience), busy, workspace, lease)
