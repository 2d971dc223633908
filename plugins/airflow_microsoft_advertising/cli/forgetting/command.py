"""The command `customer-match forget`: erases people from all audiences, and keeps them out of later runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections
from airflow_microsoft_advertising.cli.asking import confirm
from airflow_microsoft_advertising.cli.forgetting.people import people_of, refuse_arguments
from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say
from customer_match.errors import ConfigurationError
from customer_match.project import exports_folder
from customer_match.wording import counted

if TYPE_CHECKING:
    from airflow_microsoft_advertising.erasure.places import Place
    from airflow_microsoft_advertising.erasure.request import Erasing, Finished
    from customer_match.erasure.evidence import AudienceEvidence
    from customer_match.erasure.people import People

__all__ = ["forget"]


def forget(
    arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Text file with one address or hash per line.", exists=True, dir_okay=False
        ),
    ] = None,
    wait: Annotated[
        int,
        typer.Option(min=0, metavar="MINUTES", help="How long to wait for other runs, and for an upload."),
    ] = 10,
    *,
    pending: Annotated[
        bool, typer.Option("--pending", help="Complete earlier requests; no address is needed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the evidence as JSON.")] = False,
) -> None:
    """Erase people from all audiences of all exports, and keep them out of later runs.

    It asks for an e-mail address or SHA-256 hash without showing it, or reads one per line from a file or a pipe. Of an
    address, all digests are removed that an export may have made of it.

    Exit status: 0 they are in no audience, 1 something is pending (see --pending), 2 invalid command line.
    """
    refuse_arguments(arguments)
    if pending and file:
        raise typer.BadParameter("it completes earlier requests, so it takes no file", param_hint="--pending")
    people = None if pending else people_of(file)
    with logs_on_stderr(), airflow_connections():
        erasing = _prepare(people, seconds=wait * 60.0, yes=yes)
        finished = erasing.request(people) if people else erasing.complete()
    if as_json:
        typer.echo(as_json_text([_as_json(one) for one in finished]))
    else:
        say(_as_text(finished))
    if not all(one.evidence.is_complete for one in finished):
        raise typer.Exit(1)


def _prepare(people: People | None, *, seconds: float, yes: bool) -> Erasing:
    """Find all workspaces, ask for confirmation, and get the key."""
    from airflow_microsoft_advertising.audit.recording import user_of_system  # noqa: PLC0415 - keeps --help quick
    from airflow_microsoft_advertising.cli.process import has_ended, holder_of  # noqa: PLC0415
    from airflow_microsoft_advertising.erasure.key import make_key  # noqa: PLC0415
    from airflow_microsoft_advertising.erasure.places import places_of  # noqa: PLC0415
    from airflow_microsoft_advertising.erasure.removing import Holder  # noqa: PLC0415
    from airflow_microsoft_advertising.erasure.request import Erasing  # noqa: PLC0415
    from customer_match.erasure.register import KEY_NAME  # noqa: PLC0415
    from customer_match.export.loading import load_exports  # noqa: PLC0415

    places = places_of(load_exports(exports_folder()))
    if not places:
        raise ConfigurationError(f"There is no valid export file in {exports_folder()}. Nothing was changed.")
    if people and not yes:
        _ask(people, places)
    key, is_new = make_key()
    if is_new:
        say(
            f"A key for the register of erased members was made, and stored in the Airflow Variable {KEY_NAME!r}. "
            "Keep a copy of it in a safe place: without it, no export runs any more.",
            err=True,
        )
    holder = Holder(holder_of("customer-match forget"), has_ended)
    return Erasing(places, key, holder, seconds, user_of_system(), notify=lambda line: say(line, err=True))


def _ask(people: People, places: list[Place]) -> None:
    """Ask for confirmation; a refusal ends the command."""
    exports = sum(len(account.exports) for place in places for account in place.accounts)
    if people.hashes:
        say(
            f"Hashes given: {people.hashes:,}. Of a hash, only this one digest can be removed. If you know the "
            "address, give that.",
            err=True,
        )
    confirm(
        f"Erase {_persons(people.people)} from all audiences of {counted(exports, 'export')}, and "
        "keep them out of later runs? This cannot be undone."
    )


def _as_json(finished: Finished) -> dict[str, Any]:
    evidence = finished.evidence.model_dump(mode="json")
    return {"workspace": finished.place.location, "complete": finished.evidence.is_complete, **evidence}


def _as_text(finished: list[Finished]) -> str:
    if not finished:
        return "No request is pending."
    return "\n\n".join(map(_evidence_text, finished))


def _evidence_text(finished: Finished) -> str:
    evidence = finished.evidence
    state = "complete" if evidence.is_complete else "pending"
    lines = [f"Request {evidence.request} ({_persons(evidence.people)}): {state}"]
    lines += [f"  {_audience_text(one)}" for one in evidence.audiences]
    if evidence.staged_deleted:
        lines.append(f"  {counted(evidence.staged_deleted, 'staged file')} of ended runs deleted")
    lines += [
        f"  {run}: has not ended, and its staged files hold them. When it has ended, run `customer-match forget "
        "--pending`. If it never will, delete this folder of the workspace."
        for run in evidence.runs_not_ended
    ]
    lines += [f"  {one}" for one in evidence.unreached]
    path = f"{finished.place.location}/erasure/requests/{evidence.request}.json"
    return "\n".join([*lines, f"Evidence: {path}"])


def _audience_text(evidence: AudienceEvidence) -> str:
    removed = f", {counted(evidence.removed, 'digest')}" if evidence.removed else ""
    reason = f". {evidence.reason}" if evidence.reason else ""
    return f"{evidence.audience} (account {evidence.account}): {evidence.outcome}{removed}{reason}"


def _persons(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"
