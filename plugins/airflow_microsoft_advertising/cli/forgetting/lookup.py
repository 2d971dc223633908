"""The command `customer-match lookup`: in which audiences a person is, without changing anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections
from airflow_microsoft_advertising.cli.forgetting.people import people_of, refuse_arguments
from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say
from customer_match.errors import ConfigurationError
from customer_match.project import exports_folder
from customer_match.wording import counted

if TYPE_CHECKING:
    from airflow_microsoft_advertising.erasure.lookup import AudiencePresence, PlacePresence
    from customer_match.members.digests import Digests

__all__ = ["lookup"]


def lookup(
    arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Text file with all addresses and hashes of the person, one per line.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Tell in which audiences of all exports a person is. Nothing is changed, and nothing of the question is kept.

    It asks for an e-mail address or SHA-256 hash without showing it, or reads one per line from a file or a pipe; all
    of them count as one person.

    Exit status: 0 the answer is known for every audience, 1 not for every one, 2 invalid command line.
    """
    refuse_arguments(arguments, command="lookup")
    people = people_of(file)
    with logs_on_stderr(), airflow_connections():
        found = _look(people.digests)
    if as_json:
        typer.echo(as_json_text([_as_json(one) for one in found]))
    else:
        say("\n\n".join(map(_as_text, found)))
    if not all(one.is_complete for one in found):
        raise typer.Exit(1)


def _look(digests: Digests) -> list[PlacePresence]:
    from airflow_microsoft_advertising.erasure.lookup import look_up  # noqa: PLC0415 - keeps --help quick
    from airflow_microsoft_advertising.erasure.places import places_of  # noqa: PLC0415
    from customer_match.export.loading import load_exports  # noqa: PLC0415

    places = places_of(load_exports(exports_folder()))
    if not places:
        raise ConfigurationError(f"There is no valid export file in {exports_folder()}.")
    return [look_up(place, digests) for place in places]


def _as_json(found: PlacePresence) -> dict[str, Any]:
    return {**found.model_dump(mode="json"), "complete": found.is_complete}


def _as_text(found: PlacePresence) -> str:
    lines = [f"Workspace {found.workspace}", *map(_audience_text, found.audiences)]
    if not found.audiences:
        lines.append("  no audiences")
    if found.is_erased:
        lines.append("  They asked for erasure before: runs keep them out.")
    if found.staged:
        runs = counted(len(found.staged), "run")
        lines.append(f"  Staged files of {runs} hold them, or cannot be read: {', '.join(found.staged)}")
    return "\n".join([*lines, *(f"  {one}" for one in found.unreached)])


def _audience_text(one: AudiencePresence) -> str:
    reason = f". {one.reason}" if one.reason else ""
    return f"  {one.audience} (account {one.account}, export {one.export}): {one.presence}{reason}"
