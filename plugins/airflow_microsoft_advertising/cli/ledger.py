"""`customer-match ledger`: shows and verifies ledgers, resets them, and ends leases.

The commands show counts only, never the hashes of addresses that a ledger holds.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from airflow_microsoft_advertising.cli.asking import confirm
from airflow_microsoft_advertising.cli.exports import complete_exports
from airflow_microsoft_advertising.cli.ledger_lookup import Comparison, FoundLedger
from airflow_microsoft_advertising.cli.output import as_json_text, say
from customer_match.errors import ConfigurationError

__all__ = ["app"]

app = typer.Typer(
    help="Show, verify or reset the ledger of an audience, or end the lease of a dead run.",
    no_args_is_help=True,
)

Audience = Annotated[
    str, typer.Argument(metavar="AUDIENCE", help="Name of the audience, as in the export file.")
]
ExportName = Annotated[
    str | None,
    typer.Option(
        "--export",
        metavar="EXPORT",
        help="Name of the export, or path of its file; needed if several have this audience.",
        autocompletion=complete_exports,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def show(audience: Audience, export: ExportName = None, *, as_json: AsJson = False) -> None:
    """Show what the ledger knows: number of members, data interval, uploads in progress."""
    summary = FoundLedger.of(audience, export).summarise()
    if as_json:
        typer.echo(as_json_text(asdict(summary)))
    else:
        say(str(summary))


@app.command()
def verify(audience: Audience, export: ExportName = None, *, as_json: AsJson = False) -> None:
    """Verify all files of the ledger, and compare the ledger with the audience.

    Exit status: 0 nothing is wrong, 1 something is wrong.
    """
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
        say(f"The ledger does not match the audience: {compared.mismatch}")
    else:
        say(f"Valid{f', but these older states are damaged: {old}' if old else ''}. {compared}")
    if foreign and not as_json:
        say(found.ledger.foreign_files_warning(foreign))
    if not sound:
        raise typer.Exit(1)


@app.command()
def forget(
    audience: Audience,
    export: ExportName = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Reset the ledger, so that the next run replaces the whole audience.

    This changes nothing at Microsoft Advertising.
    """
    found = FoundLedger.of(audience, export)
    if found.busy:
        raise ConfigurationError(
            f"The run {found.busy} holds the audience {audience!r}. Wait until it has ended. If it is dead, end its "
            "lease with `customer-match ledger release`."
        )
    if not yes:
        confirm(f"Reset the ledger of {audience!r}? The next run then sends all members.")
    found.ledgers.forget(audience)
    say(
        f"The ledger was reset. The next run of {found.export.name} replaces the whole audience {audience!r}."
    )


@app.command()
def release(
    audience: Audience,
    export: ExportName = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """End the lease of a dead run, so that other runs need not wait until it expires.

    If the run is still alive, it does no harm: it stops at its next write to the ledger.
    """
    found = FoundLedger.of(audience, export)
    if found.lease is None:
        say(f"No run holds the audience {audience!r}.")
        return
    if not yes:
        confirm(f"End the lease of the run {found.busy} on {audience!r}? Make sure that the run is dead.")
    found.lease.release()
    say(f"The lease was ended. The next run of {found.export.name} starts at once.")
