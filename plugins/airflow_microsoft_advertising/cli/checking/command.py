"""`customer-match validate`: checks export files; with options also the tables and the account that they name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_microsoft_advertising.cli.exports import ExportFile, complete_exports, find_files
from airflow_microsoft_advertising.cli.output import as_json_text, logs_on_stderr, say

if TYPE_CHECKING:
    from customer_match.export.loading import BrokenExport
    from customer_match.export.model import Export
    from customer_match.export.yaml_document import Problem

__all__ = ["validate"]

_SHOWN = 5
_NOT_CHECKED = "Only the files were checked. Add --tables to open their tables, --connection to sign in."


@dataclass
class Result:
    """What was found out about one file.

    Attributes:
        path: The file.
        name: The name of the export.
        problems: What is wrong.
        facts: What is right beyond the file itself, as lines.
        details: The same for JSON, by the name of the check.
    """

    path: Path
    name: str
    problems: list[Problem] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        from customer_match.export.loading import InvalidExport  # noqa: PLC0415 - keeps --help quick

        head = [str(InvalidExport(self.path.name, self.problems))] if self.problems else []
        if not self.problems:
            head = [f"{self.path.name}: valid; it becomes the DAG {self.name}."]
        return "\n".join([*head, *(f"  {fact}" for fact in self.facts)])

    def as_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "file": str(self.path),
            "name": self.name,
            "valid": not self.problems,
            "problems": [asdict(problem) for problem in self.problems],
            **self.details,
        }


def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXPORT",
            help="Names of exports, export files, or folders of export files. Default: the folder in "
            "CUSTOMER_MATCH_EXPORTS, otherwise include/exports.",
            autocompletion=complete_exports,
        ),
    ] = None,
    *,
    tables: Annotated[
        bool, typer.Option("--tables", help="Open the tables: folders, formats, columns, conditions.")
    ] = False,
    connection: Annotated[
        bool,
        typer.Option("--connection", help="Sign in, and check the customer (cid) and the account (aid)."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check export files. Print each problem with its line, its key and how to correct it.

    Without options it reads only the files. With --tables and --connection it also opens what they name, as a run
    would. It reads no rows and changes nothing.

    Exit status: 0 all are valid, 1 some are not, 2 invalid command line.
    """
    from airflow_microsoft_advertising.alerts.notifiers import missing_packages  # noqa: PLC0415 - keeps --help quick
    from customer_match.export.loading import load_files, reject_shared, reject_where  # noqa: PLC0415

    paths = find_files(files or ())
    loaded = reject_shared(paths, load_files(paths, parse_conditions=True))
    loaded = reject_where(paths, loaded, missing_packages)
    with logs_on_stderr():
        results = [
            _check(path, export, tables=tables, connection=connection)
            for path, export in zip(paths, loaded, strict=True)
        ]
    valid = not any(result.problems for result in results)
    if as_json:
        typer.echo(as_json_text({"valid": valid, "files": [result.as_json() for result in results]}))
    else:
        say("\n".join(map(str, results)))
        if valid and not (tables or connection):
            say(_NOT_CHECKED, err=True)
    if not valid:
        raise typer.Exit(1)


def _check(path: Path, export: Export | BrokenExport, *, tables: bool, connection: bool) -> Result:
    from customer_match.export.loading import BrokenExport  # noqa: PLC0415 - keeps --help quick

    result = Result(path, export.name)
    if isinstance(export, BrokenExport):
        result.problems.extend(export.error.problems)
        return result
    if connection or tables:
        from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections  # noqa: PLC0415

        with airflow_connections():
            if connection:
                _check_connection(result, ExportFile(path, export))
            if tables:
                _check_tables(result, ExportFile(path, export))
    return result


def _check_connection(result: Result, file: ExportFile) -> None:
    from airflow_microsoft_advertising.connection.account_check import check_account  # noqa: PLC0415
    from airflow_microsoft_advertising.connection.consent import require_agreement  # noqa: PLC0415
    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415 - imports Airflow
    from customer_match.errors import ConfigurationError, CustomerMatchError  # noqa: PLC0415
    from customer_match.export.yaml_document import Problem  # noqa: PLC0415

    export = file.export
    hook = MicrosoftAdvertisingHook(export.connection, customer_id=export.cid, account_id=export.aid)
    try:
        account = check_account(hook, export)
        require_agreement(hook.connection())
    except CustomerMatchError as error:
        key = error.key if isinstance(error, ConfigurationError) else "connection"
        result.problems.append(Problem(*file.place(key), _as_clause(str(error))))
        result.details["account"] = None
        return
    result.facts.append(f"connection {export.connection}: signed in; account {account.name} ({account.id})")
    result.details["account"] = {"id": account.id, "name": account.name, "status": account.status}


def _check_tables(result: Result, file: ExportFile) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    from airflow_microsoft_advertising.cli.checking.tables import Inspected, inspect_tables  # noqa: PLC0415
    from airflow_microsoft_advertising.run.export_run import ExportRun  # noqa: PLC0415 - imports Airflow
    from customer_match.export.yaml_document import Problem  # noqa: PLC0415

    run = ExportRun(export=file.export, run_id="validate", interval_end=datetime.now(UTC))
    tables: list[dict[str, Any]] = []
    stopped: dict[tuple[int | None, str, str], list[str]] = {}
    for found in inspect_tables(run):
        if isinstance(found, Inspected):
            result.facts.append(str(found))
            tables.append(found.as_json())
        else:
            place = (*file.place(found.key, found.segment), found.message)
            stopped.setdefault(place, []).extend([found.segment.audience] if found.segment else [])
    result.details["tables"] = tables
    for (line, key, message), segments in stopped.items():
        result.problems.append(Problem(line, key, _as_clause(f"{_named(segments)}{message}")))


def _named(segments: list[str]) -> str:
    """Name the segments that one problem stops, as the beginning of its message."""
    shown = ", ".join(map(repr, segments[:_SHOWN]))
    more = f" and {len(segments) - _SHOWN:,} more" if len(segments) > _SHOWN else ""
    return f"segment{'s' if len(segments) > 1 else ''} {shown}{more}: " if segments else ""


def _as_clause(sentence: str) -> str:
    """A message without its full stop, which problems add themselves."""
    return sentence.removesuffix(".")
