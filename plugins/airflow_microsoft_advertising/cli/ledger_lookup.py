"""Finds the ledger of an audience, and compares it with the audience at the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections
from airflow_microsoft_advertising.cli.exports import find_export
from airflow_microsoft_advertising.cli.output import logs_on_stderr
from customer_match.errors import ConfigurationError, CustomerMatchError
from customer_match.project import exports_folder

if TYPE_CHECKING:
    from customer_match.export.model import Export
    from customer_match.ledger.lease import Lease
    from customer_match.ledger.lookup import Ledgers
    from customer_match.ledger.state import State
    from customer_match.ledger.store import Ledger
    from customer_match.ledger.summary import Summary
    from customer_match.workspace.workspace import Workspace

__all__ = ["Comparison", "FoundLedger"]


@dataclass(frozen=True)
class Comparison:
    """Result of comparing a ledger with its audience.

    Attributes:
        mismatch: Why the ledger does not match the audience, and what the next run does about it; None if it matches,
            or was not compared.
        not_compared: Why it could not be compared; None if it was.
    """

    mismatch: str | None = None
    not_compared: str | None = None

    def __str__(self) -> str:
        if self.not_compared:
            return f"Not compared with the audience: {self.not_compared}"
        return "The ledger matches the audience."


@dataclass(frozen=True)
class FoundLedger:
    """An existing ledger, and the run that holds the lease of its audience, if any."""

    export: Export
    audience: str
    ledger: Ledger
    busy: str | None
    workspace: Workspace
    lease: Lease | None = None

    @classmethod
    @logs_on_stderr()
    @airflow_connections()
    def of(cls, audience: str, export: str | None) -> FoundLedger:
        """Find the ledger of an audience.

        Args:
            audience: Name of the audience.
            export: Name of the export, or path of its file; None: any.

        Raises:
            ConfigurationError: There is none, there are several, or the audience was renamed.
        """
        candidates = _ledgers(audience, _exports(export))
        found = [one for one in candidates if one.ledger.load().number or one.busy]
        if len({(one.export.aid, one.export.workspace.locate()) for one in found}) > 1:
            names = ", ".join(one.export.name for one in found)
            raise ConfigurationError(
                f"Several exports have the audience {audience!r}. Name one with --export: {names}."
            )
        if not found:
            raise ConfigurationError(
                f"There is no ledger of an audience {audience!r} in the workspaces of the exports. The first run "
                "creates it. Write the name as in the export file, including upper and lower case."
            )
        new_name = found[0].ledger.load().state.moved_to
        if new_name and not found[0].busy:
            raise ConfigurationError(
                f"The audience {audience!r} was renamed to {new_name!r}. Use the new name."
            )
        return found[0]

    @property
    def ledgers(self) -> Ledgers:
        """The ledgers of the export's account."""
        from customer_match.ledger.lookup import Ledgers  # noqa: PLC0415 - keeps --help quick

        return Ledgers(self.workspace, self.export.aid)

    @logs_on_stderr()
    def summarise(self) -> Summary:
        """Summarise the ledger's newest state; the members in its files are counted."""
        from customer_match.ledger.summary import summarise  # noqa: PLC0415 - keeps --help quick

        return summarise(
            self.ledgers, self.audience, export=self.export.name, busy=self.busy, now=datetime.now(UTC),
            read_members=True,
        )  # fmt: skip

    @logs_on_stderr()
    @airflow_connections()
    def compare(self, state: State) -> Comparison:
        """Compare the ledger with the audience's generation, if the service can be asked."""
        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415
        from customer_match_delivery.generation import distrust_of  # noqa: PLC0415

        export = self.export
        if state.audience_id is None:
            return Comparison(not_compared="the ledger has no audience id yet.")
        try:
            hook = MicrosoftAdvertisingHook(export.connection, customer_id=export.cid, account_id=export.aid)
            with hook.get_conn() as client:
                audience = client.get_audience(state.audience_id)
        except CustomerMatchError as error:
            return Comparison(not_compared=str(error))
        if audience is None:
            return Comparison(self._describe_missing(state.audience_id))
        if mismatch := distrust_of(state, audience.description, self.ledgers):
            return Comparison(f"{mismatch} The next run replaces the whole audience.")
        generation = state.generation
        uncovered = "the ledger has no generation yet." if generation is None else generation.uncovered
        return Comparison(not_compared=uncovered)

    def _describe_missing(self, audience_id: str) -> str:
        """Say that the audience no longer exists, and what follows."""
        in_export_file = audience_id in {one.audience_id for one in self.export.segments}
        follows = (
            "Correct the `audience_id` in the export file, or remove it: the next run then creates the audience."
            if in_export_file
            else "The next run creates it again, with all members."
        )
        return f"The audience with the id {audience_id} no longer exists. {follows}"


def _exports(name: str | None) -> list[Export]:
    if name is not None:
        return [find_export(name)]
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415 - keeps --help quick

    exports = [export for export in load_exports(exports_folder()) if not isinstance(export, BrokenExport)]
    if not exports:
        raise ConfigurationError(f"There is no valid export file in {exports_folder()}.")
    return exports


def _ledgers(audience: str, exports: list[Export]) -> Iterator[FoundLedger]:
    from airflow_microsoft_advertising.lake.workspaces import workspace_of_export  # noqa: PLC0415 - keeps --help quick
    from customer_match.ledger.lease import Lease  # noqa: PLC0415
    from customer_match.ledger.store import Ledger, ledger_folder  # noqa: PLC0415

    for export in exports:
        workspace = workspace_of_export(export)
        folder = ledger_folder(export.aid, audience)
        current = Lease(workspace, folder, audience=audience, holder="").current()
        busy = current.holder if current else None
        lease = Lease(workspace, folder, audience=audience, holder=busy) if busy else None
        yield FoundLedger(export, audience, Ledger(workspace, folder, audience), busy, workspace, lease)
