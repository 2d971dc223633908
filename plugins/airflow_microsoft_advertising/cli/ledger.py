"""`customer-match ledger`: shows what the ledgers know of audiences, verifies, forgets and releases them.

Counts only: a ledger holds hashes of people's addresses, and none is ever shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say
from customer_match.errors import ConfigurationError, CustomerMatchError
from customer_match.project import exports_folder

if TYPE_CHECKING:
    from customer_match.export.model import Export
    from customer_match.ledger.lease import Lease
    from customer_match.ledger.lookup import Ledgers
    from customer_match.ledger.state import State
    from customer_match.ledger.store import Ledger
    from customer_match.workspace.workspace import Workspace

__all__ = ["app"]

app = typer.Typer(
    help="What is known of an audience's members: show, verify, forget, release.", no_args_is_help=True
)

Audience = Annotated[
    str, typer.Argument(metavar="AUDIENCE", help="Name of the audience, as in the export file.")
]
ExportName = Annotated[
    str | None, typer.Option("--export", help="Name of the export, where several have this audience.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@dataclass(frozen=True)
class Summary:
    """What a ledger's newest state says.

    Attributes:
        export: The export that it was found through.
        audience: Name.
        audience_id: Id at the service; None if it is not known.
        members: Members that are surely there.
        possible: Members that may be there; None if anybody may.
        interval_end: End of the data interval that the audience stands for, ISO 8601.
        updated_at: When the newest state was written, likewise.
        unfinished: Parts of a plan that is not settled yet.
        in_flight: Request ids of uploads that the service is working on.
        late_until: Until when calls that were not answered may take effect, ISO 8601; None if there are none.
        busy: The run that is at work on the audience now.
        forced: The run by which this interval was applied over a newer one, and that one's end; None normally.
        renewed_at: When all members were sent last, ISO 8601; None if that is not known.
        damage: Why it is not trusted.
        states: States that are kept.
        deleted: Whether the audience was deleted, because its table had vanished.
        workspace: Id of the workspace.
        generation: What the audience's description tells if nobody else has written to it; None before it was set.
        uncovered: Why that would not be noticed; None normally.
    """

    export: str
    audience: str
    audience_id: str | None
    members: int
    possible: int | None
    interval_end: str | None
    updated_at: str | None
    unfinished: int
    in_flight: list[str]
    late_until: str | None
    busy: str | None
    forced: str | None
    renewed_at: str | None
    damage: str | None
    states: int
    deleted: bool
    workspace: str
    generation: str | None
    uncovered: str | None

    def __str__(self) -> str:
        return "\n".join(f"{name:<12} {value}" for name, value in self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        identity = (
            "deleted, because its table had vanished"
            if self.deleted
            else f"id {self.audience_id or 'unknown'}"
        )
        yield "audience", f"{self.audience} ({identity}; export {self.export})"
        if not self.deleted:
            yield "members", "anybody may be in it" if self.possible is None else self._members
        yield "stands for", self.interval_end or "nothing sent yet"
        if self.forced:
            yield "forced", self.forced
        yield "all sent", self.renewed_at or "unknown"
        yield "written", self.updated_at or "never"
        if self.unfinished:
            yield (
                "unfinished",
                f"{self.unfinished} parts; uploads in flight: {', '.join(self.in_flight) or 'none'}",
            )
        yield "generation", f"{self.generation or 'none yet'} (of workspace {self.workspace})"
        if self.uncovered:
            yield "not covered", self.uncovered
        if self.late_until:
            yield "under way", f"calls without an answer, which may take effect until {self.late_until}"
        if self.busy:
            yield "at work", self.busy
        if self.damage:
            yield "distrusted", f"{self.damage} The next run replaces the whole audience."

    @property
    def _members(self) -> str:
        if self.members == self.possible:
            return f"{self.members:,}"
        return f"{self.members:,} surely, {self.possible:,} possibly"


@app.command()
def show(audience: Audience, export: ExportName = None, *, as_json: AsJson = False) -> None:
    """Show what is known: how many members, since when, and what is under way."""
    summary = _Found.of(audience, export).summary()
    if as_json:
        typer.echo(as_json_text(asdict(summary)))
    else:
        say(str(summary))


@app.command()
def verify(audience: Audience, export: ExportName = None, *, as_json: AsJson = False) -> None:
    """Read all that the ledger rests on, and compare it with the audience; exit status 1 if something is wrong."""
    found = _Found.of(audience, export)
    state = found.ledger.load().state
    damage = state.damage or found.ledger.verify(state)
    old = [number for number, one in found.ledger.history() if one is None]
    foreign = found.ledger.foreign()
    compared = _Compared(not_compared="the ledger is damaged.") if damage else found.compared(state)
    sound = damage is None and compared.mismatch is None
    result = {"sound": sound, "damage": damage, "damaged_history": old, "foreign": foreign}
    if as_json:
        typer.echo(as_json_text({**result, **asdict(compared)}))
    elif damage:
        say(f"Damaged: {damage} The next run replaces the whole audience.")
    elif compared.mismatch:
        say(f"Not what the audience is: {compared.mismatch}")
    else:
        say(f"Sound{f'; of the history, these states are damaged: {old}' if old else ''}. {compared}")
    if foreign and not as_json:
        say(found.ledger.told_of(foreign))
    if not sound:
        raise typer.Exit(1)


@app.command()
def forget(
    audience: Audience,
    export: ExportName = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget what is known, so that the next run replaces the whole audience.

    Nothing is changed at Microsoft Advertising.
    """
    found = _Found.of(audience, export)
    if found.busy:
        raise ConfigurationError(
            f"The run {found.busy} is at work on {audience!r}. Wait until it has ended; if it has died without a word, "
            "`customer-match ledger release` takes the audience from it."
        )
    if not yes:
        typer.confirm(
            f"Forget what is known of {audience!r}? The next run then sends all its members.", abort=True
        )
    found.ledgers.forget(audience)
    say(f"Forgotten. The next run of {found.export.name} replaces the whole audience {audience!r}.")


@app.command()
def release(
    audience: Audience,
    export: ExportName = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the audience from a run that has died, so that others need not wait until its lease expires.

    A run that lives all the same does no harm: it stops at its next write to the ledger.
    """
    found = _Found.of(audience, export)
    if found.lease is None:
        say(f"No run is at work on {audience!r}.")
        return
    if not yes:
        typer.confirm(f"Take {audience!r} from the run {found.busy}? Be sure that it has died.", abort=True)
    found.lease.release()
    say(f"Released. The next run of {found.export.name} goes on at once.")


@dataclass(frozen=True)
class _Compared:
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
class _Found:
    """A ledger that is there, and the run that is at work on its audience, if one is."""

    export: Export
    audience: str
    ledger: Ledger
    busy: str | None
    workspace: Workspace
    lease: Lease | None = None

    @classmethod
    @logs_on_stderr()
    def of(cls, audience: str, export: str | None) -> _Found:
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
        from customer_match.ledger.lookup import Ledgers  # noqa: PLC0415 - keeps --help quick

        return Ledgers(self.workspace, self.export.aid)

    @logs_on_stderr()
    def compared(self, state: State) -> _Compared:
        """The ledger beside the audience's generation, where the service can be asked."""
        from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415
        from customer_match_delivery.generation import distrust_of  # noqa: PLC0415

        export = self.export
        if state.audience_id is None:
            return _Compared(not_compared="the ledger tells of none.")
        try:
            hook = MicrosoftAdvertisingHook(export.connection, customer_id=export.cid, account_id=export.aid)
            with hook.get_conn() as client:
                audience = client.get_audience(state.audience_id)
        except CustomerMatchError as error:
            return _Compared(not_compared=str(error))
        if audience is None:
            return _Compared(self._gone(state.audience_id))
        if mismatch := distrust_of(state, audience.description, self.ledgers):
            return _Compared(f"{mismatch} The next run replaces the whole audience.")
        generation = state.generation
        uncovered = "it has no generation yet." if generation is None else generation.uncovered
        return _Compared(not_compared=uncovered)

    def _gone(self, audience_id: str) -> str:
        """That the audience is not there any more, and what follows."""
        is_given = audience_id in {one.audience_id for one in self.export.segments}
        follows = (
            "Correct the `audience_id` in the export file, or remove it: the next run then creates the audience."
            if is_given
            else "The next run creates it anew, with all members."
        )
        return f"There is no audience with the id {audience_id} any more. {follows}"

    @logs_on_stderr()
    def summary(self) -> Summary:
        entry = self.ledger.load()
        state = entry.state
        certain, possible = _counts(self.ledger, state)
        return Summary(
            export=self.export.name,
            audience=self.audience,
            audience_id=state.audience_id,
            members=certain,
            possible=possible,
            interval_end=state.interval_end.isoformat() if state.interval_end else None,
            forced=f"by the run {state.forced.by}, over data up to {state.forced.over.isoformat()}"
            if state.forced
            else None,
            renewed_at=state.renewed.at.isoformat(timespec="seconds") if state.renewed else None,
            updated_at=state.updated_at.isoformat(timespec="seconds") if state.updated_at else None,
            unfinished=len(state.parts),
            in_flight=[part.request.id for part in state.parts if part.request],
            late_until=_late_until(state),
            busy=self.busy,
            damage=state.damage,
            states=len(self.ledger.history()),
            deleted=state.was_deleted,
            workspace=self.ledgers.workspace_id,
            generation=state.generation.token if state.generation else None,
            uncovered=state.generation.uncovered if state.generation else None,
        )


def _late_until(state: State) -> str | None:
    living = [call.until for call in state.unanswered_calls() if call.until > datetime.now(UTC)]
    return max(living).isoformat(timespec="seconds") if living else None


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


def _ledgers(audience: str, exports: list[Export]) -> Iterator[_Found]:
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
        yield _Found(export, audience, Ledger(workspace, folder, audience), busy, workspace, lease)


def _counts(ledger: Ledger, state: State) -> tuple[int, int | None]:
    """Members that are surely and possibly there; None if anybody may be, or if files are damaged."""
    from customer_match.members.files import DamagedMembers  # noqa: PLC0415 - keeps --help quick

    try:
        return ledger.count(state)
    except DamagedMembers:
        return 0, None
