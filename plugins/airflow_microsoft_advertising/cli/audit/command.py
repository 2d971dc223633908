"""`customer-match audit`: shows, verifies and exports the audit trail of an export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_microsoft_advertising.cli.exports import ExportArgument, find_export
from airflow_microsoft_advertising.cli.history.lookup import open_workspace
from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say, writes_to
from customer_match.errors import ConfigurationError
from customer_match.wording import counted

if TYPE_CHECKING:
    from customer_match.audit.chain import Head
    from customer_match.audit.trail import Trail
    from customer_match.audit.verification import Verdict
    from customer_match.export.model import Export

__all__ = ["app"]

app = typer.Typer(
    help="Show, verify or export the audit trail of an export: what left, when, by whose order, on what legal basis.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def verify(
    export: ExportArgument,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Verify this file of JSON lines, from `audit export`, not the workspace."
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="N:HASH",
            help="An entry that the trail must have. Default: the one that Airflow keeps; with --file, none.",
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Verify the audit trail: find lines that were changed, removed, moved or added, and an end that was cut off.

    Exit status: 0 nothing is wrong, 1 something is wrong.
    """
    chosen = find_export(export)
    verdict = _verdict(chosen, file, _parse_head(head))
    if as_json:
        typer.echo(as_json_text(_as_values(verdict)))
    else:
        say(_in_words(chosen, verdict))
    if not verdict.sound:
        raise typer.Exit(1)


@app.command()
def show(
    export: ExportArgument,
    run: Annotated[str | None, typer.Option(metavar="ID", help="Show all entries of this run.")] = None,
    entries: Annotated[int, typer.Option("-n", "--entries", min=1, help="Number of entries.")] = 30,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON lines.")] = False,
) -> None:
    """Show the entries of the audit trail, the newest last."""
    from customer_match.audit.summary import summary_of  # noqa: PLC0415 - imports pandas
    from customer_match.audit.table import unfinished_runs  # noqa: PLC0415 - keeps --help quick

    found = _entries(find_export(export))
    shown = [one for one in found if one.get("run_id") == run] if run else found[-entries:]
    if not shown:
        raise ConfigurationError(_nothing(export, run, found))
    if as_json:
        for entry in shown:
            typer.echo(_as_line(entry))
        return
    say(summary_of(shown))
    for run_id, time in unfinished_runs(found).items():
        say(
            f"\nThe run {run_id}, which began at {time}, has no `run ended` entry: it is still in progress, or it was "
            "killed. `customer-match ledger show` says for each audience what was sent."
        )


@app.command("export")
def export_(
    export: ExportArgument,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save as this file, by its ending: .csv, .parquet or .jsonl. Default: JSON lines on standard output.",
        ),
    ] = None,
) -> None:
    """Export all entries of the audit trail, as CSV, Parquet or JSON lines."""
    name = find_export(export)
    if save is None:
        typer.echo(_content(name, ".jsonl"), nl=False)
        return
    content = _content(name, save.suffix.lower())
    with writes_to(save):
        save.write_bytes(content)
    say(f"Saved the audit trail of {name.name} as {save}.")


def _content(export: Export, suffix: str) -> bytes:
    from customer_match.audit.table import as_csv, as_parquet  # noqa: PLC0415 - keeps --help quick

    if suffix == ".csv":
        return as_csv(_entries(export))
    if suffix == ".parquet":
        return as_parquet(_entries(export))
    if suffix == ".jsonl":
        return b"".join(one.content for one in _read(export))
    raise ConfigurationError(
        f"The name of the file ends with {suffix!r}, which is no format of this command. End it with .csv, .parquet or "
        ".jsonl."
    )


def _verdict(export: Export, file: Path | None, head: Head | None) -> Verdict:
    from customer_match.audit.verification import TrailFile, verify  # noqa: PLC0415 - keeps --help quick

    with logs_on_stderr():
        if file is None and head is None:
            return _trail(export).verify()
        if file is None:
            return verify(_trail(export).read(), export=export.name, known=head)
        return verify([TrailFile(str(file), None, _bytes_of(file))], export=export.name, known=head)


def _parse_head(text: str | None) -> Head | None:
    from customer_match.audit.chain import Head  # noqa: PLC0415 - as above

    if text is None:
        return None
    try:
        return Head.parse(text)
    except ValueError:
        raise typer.BadParameter(
            "Write the number of an entry, a colon and its hash, as `audit verify` prints them.",
            param_hint="--head",
        ) from None


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read ({error.strerror or type(error).__name__}). Name a file that `customer-match audit "
            "export` has written."
        ) from None


def _in_words(export: Export, verdict: Verdict) -> str:
    if not verdict.sound:
        faults = "\n".join(f"- {fault}" for fault in verdict.faults)
        return f"The audit trail of {export.name} has been changed or damaged:\n{faults}"
    if verdict.head is None:
        return f"The audit trail of {export.name} has no entry yet."
    number = counted(verdict.entries, "entry", "entries")
    compared = (
        f"It has the entry {verdict.known.sequence} that is kept elsewhere."
        if verdict.known
        else "It was compared with no entry that is kept elsewhere, so a cut-off end would not be found."
    )
    return (
        f"The audit trail of {export.name} is sound: {number}, from {verdict.first} to {verdict.head.sequence}. "
        f"{compared}\nLast entry: {verdict.head}"
    )


def _as_values(verdict: Verdict) -> dict[str, Any]:
    return {
        "sound": verdict.sound,
        "entries": verdict.entries,
        "first": verdict.first,
        "head": verdict.head and str(verdict.head),
        "known": verdict.known and str(verdict.known),
        "faults": verdict.faults,
    }


def _nothing(export: str, run: str | None, found: list[dict[str, Any]]) -> str:
    if not found:
        return f"The audit trail of {export} has no entry yet. Runs write it, in Airflow and by `customer-match run`."
    runs = list(dict.fromkeys(one["run_id"] for one in found if "run_id" in one))
    return f"The audit trail of {export} has no run {run!r}. Its newest runs: {', '.join(runs[-5:])}."


@logs_on_stderr()
def _entries(export: Export) -> list[dict[str, Any]]:
    from customer_match.audit.table import entries_of  # noqa: PLC0415 - as above

    return entries_of(_trail(export).read())


@logs_on_stderr()
def _read(export: Export) -> list[Any]:
    return list(_trail(export).read())


def _as_line(entry: dict[str, Any]) -> bytes:
    from customer_match.audit.chain import as_line  # noqa: PLC0415 - as above

    return as_line(entry)


def _trail(export: Export) -> Trail:
    from airflow_microsoft_advertising.audit.recording import trail_of  # noqa: PLC0415 - as above

    return trail_of(export, open_workspace(export))
