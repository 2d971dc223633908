"""`customer-match ledger`: shows what the ledgers know of audiences, verifies, forgets and releases them.

Counts only: a ledger holds hashes of people's addresses, and none is ever shown.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from airflow_microsoft_advertising.cli.ledger_lookup import Comparison, FoundLedger
from airflow_microsoft_advertising.cli.ledger_summary import summarise
from airflow_microsoft_advertising.cli.output import as_json_text, say
from customer_match.errors import ConfigurationError

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


@app.command()
def show(audience: Audience, export: ExportName = None, *, as_json: AsJson = False) -> None:
    """Show what is known: how many members, since when, and what is under way."""
    summary = summarise(FoundLedger.of(audience, export))
    if as_json:
        typer.echo(as_json_text(asdict(summary)))
    else:
        say(str(summary))


@app.command()
def verify(audience: Audience, export: ExportName = None, *, as_json: AsJson = False) -> None:
    """Read all that the ledger rests on, and compare it with the audience; exit status 1 if something is wrong."""
    found = FoundLedger.of(audience, export)
    state = found.ledger.load().state
    damage = state.damage or found.ledger.verify(state)
    old = [number for number, one in found.ledger.history() if one is None]
    foreign = found.ledger.foreign()
    compared = Comparison(not_compared="the ledger is damaged.") if damage else found.compare(state)
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
    found = FoundLedger.of(audience, export)
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
    found = FoundLedger.of(audience, export)
    if found.lease is None:
        say(f"No run is at work on {audience!r}.")
        return
    if not yes:
        typer.confirm(f"Take {audience!r} from the run {found.busy}? Be sure that it has died.", abort=True)
    found.lease.release()
    say(f"Released. The next run of {found.export.name} goes on at once.")
