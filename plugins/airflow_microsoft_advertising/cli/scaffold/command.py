"""`customer-match new`: writes a new export file, after questions or from options. It overwrites nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from airflow_microsoft_advertising.cli.output import logs_on_stderr, say, writes_to
from airflow_microsoft_advertising.cli.scaffold.answers import Answers
from airflow_microsoft_advertising.lake.contents import Lake, look_at
from airflow_microsoft_advertising.provider_info import DEFAULT_CONNECTION
from customer_match.drafts.new_file import new_text
from customer_match.drafts.typed import typed
from customer_match.errors import ConfigurationError
from customer_match.project import PROJECT, exports_folder
from customer_match.wording import listed

__all__ = ["new"]

_NONE: Final = "none"
_MEANS_CONSENT: Final = {"true/false": "true", "number": "1"}


def new(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of the export, and of its DAG and file.")
    ] = None,
    *,
    connection: Annotated[
        str | None,
        typer.Option(help=f"Airflow connection to Microsoft Advertising. Default: {DEFAULT_CONNECTION}."),
    ] = None,
    cid: Annotated[str | None, typer.Option(help="Customer id. Default: the connection's.")] = None,
    aid: Annotated[str | None, typer.Option(help="Account id. Default: the connection's.")] = None,
    root: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Folder of the tables: abfs://container/folder, or a path."),
    ] = None,
    lake: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Airflow connection that opens the folder, if it is a URL."),
    ] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE", help="Table to export; may be repeated. Default: all tables of the folder."
        ),
    ] = None,
    email: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column with the e-mail addresses.")
    ] = None,
    consent: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column that states consent. Default: none.")
    ] = None,
    consent_value: Annotated[
        list[str] | None, typer.Option(metavar="VALUE", help="Value that means consent; may be repeated.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(metavar="CRON", help='Such as "0 5 * * *" or @daily. Default: none.')
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(metavar="PATH", help="Folder for ledgers and reports. Default: workspace.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the new file. Default: CUSTOMER_MATCH_EXPORTS, otherwise include/exports."
        ),
    ] = None,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing; use options and defaults.")
    ] = False,
) -> None:
    """Write a new export file. Values that are not given are asked for; the lake is searched for tables and columns.

    Without a terminal nothing is asked. No file is ever overwritten.
    """
    answers = Answers.available(no_input=no_input)
    with logs_on_stderr():
        name = answers.value("name", "NAME", name, "Name of the export")
        path = (folder or exports_folder()) / f"{name}.yaml"
        _refuse_existing(path)
        values = _values(
            answers,
            given={
                "connection": connection, "cid": cid, "aid": aid, "root": root, "lake": lake, "segments": segment,
                "email": email, "consent": consent, "allow": consent_value, "schedule": schedule,
                "workspace": workspace,
            },
        )  # fmt: skip
        _write(path, new_text(name, values))
    say(f"Wrote {path}.")
    say(
        f"Check it: customer-match validate {path} --tables --connection\n"
        f"Try it:   customer-match run {path} --dry-run",
        err=True,
    )


def _refuse_existing(path: Path) -> None:
    twins = [path, path.with_suffix(".yml")]
    with writes_to(path):
        found = next((one for one in twins if one.exists()), None)
    if found:
        raise ConfigurationError(f"{found} exists already, and is not overwritten. Choose another name.")


def _values(answers: Answers, given: Mapping[str, Any]) -> dict[str, object]:
    connection = answers.value(
        "connection", "--connection", given["connection"], "Airflow connection to Microsoft Advertising",
        default=DEFAULT_CONNECTION,
    )  # fmt: skip
    ids = _ids_of(connection)
    cid = answers.value("cid", "--cid", given["cid"], "Customer id (cid)", default=ids.get("customer_id"))
    aid = answers.value("aid", "--aid", given["aid"], "Account id (aid)", default=ids.get("account_id"))
    source = _source(answers, given["root"], given["lake"])
    found = look_at(source)
    if found.fault:
        say(f"The tables cannot be listed now: {found.fault}", err=True)
    segments = _segments(answers, given["segments"], found)
    if segments != "all" and found.tables:
        found = look_at(source, segments)
    return {
        "connection": connection,
        "cid": cid,
        "aid": aid,
        "source": source,
        "segments": segments,
        "email": _email(answers, given["email"], found),
        "consent": _consent(answers, given["consent"], given["allow"], found),
        "schedule": answers.value(
            "schedule",
            "--schedule",
            given["schedule"],
            'Schedule, such as "0 5 * * *" or @daily',
            default=_NONE,
        ),
        "workspace": given["workspace"],
    }  # in the order of the questions


def _source(answers: Answers, root: str | None, lake: str | None) -> object:
    """The source: a folder alone, or with its connection."""

    def parsed(text: str) -> object:
        return {"connection": lake or "lake", "root": text} if "://" in text else _folder(text)

    given = None if root is None else parsed(root) if lake is None else {"connection": lake, "root": root}
    source = answers.value(
        "source", "--root", given, "Folder of the tables (abfs://container/folder, or a path)", parse=parsed
    )
    if lake is None and isinstance(source, dict):
        own = answers.value(
            "connection",
            "--lake",
            None,
            "Airflow connection that opens this folder",
            default=source["connection"],
        )
        source = source | {"connection": own}
    return source


def _folder(text: str) -> str:
    """A local folder as the file needs it: a path that begins at the current folder becomes absolute."""
    if not (PROJECT / text).is_dir() and (here := Path(text).expanduser()).is_dir():
        return str(here.resolve())
    return text


def _segments(answers: Answers, given: Sequence[str] | None, found: Lake) -> str | list[str]:
    if found.tables and answers.asks and given is None:
        say(f"Tables found: {listed(found.tables)}", err=True)

    def parsed(text: str) -> str | list[str]:
        return "all" if text == "all" else [one.strip() for one in text.split(",") if one.strip()]

    chosen: str | list[str] = answers.value(
        "segments", "--segment", given, "Segments: all, or names of tables with commas in between", default="all",
        parse=parsed, wrong=found.fault_of_tables,
    )  # fmt: skip
    return chosen


def _email(answers: Answers, given: str | None, found: Lake) -> str:
    if found.columns and answers.asks and given is None:
        from customer_match.tables.columns import list_names  # noqa: PLC0415 - keeps --help quick

        say(f"Columns: {list_names(found.columns)}", err=True)
    column: str = answers.value(
        "email", "--email", given, "E-mail column", default=found.email, wrong=found.fault_of_column
    )
    return column


def _consent(
    answers: Answers, given: str | None, allow: Sequence[str] | None, found: Lake
) -> Mapping[str, Any] | None:
    if allow and given is None:
        raise ConfigurationError("--consent-value needs --consent, the column that states consent.")
    column = _consent_column(answers, given, found)
    if column == _NONE:
        return None
    kind = found.kind_of(column)
    values = answers.value(
        "consent", "--consent-value", {"column": column, "allow": typed(allow, kind)} if allow else None,
        "Values that mean consent, with commas in between", default=_MEANS_CONSENT.get(kind),
        parse=lambda text: {"column": column, "allow": typed(text.split(","), kind)},
    )  # fmt: skip
    result: Mapping[str, Any] = values
    return result


def _consent_column(answers: Answers, given: str | None, found: Lake) -> str:
    """The column that states consent, or `none`."""

    def parsed(column: str) -> dict[str, object]:
        return {"column": column, "allow": True}

    def wrong(consent: Mapping[str, str]) -> str:
        return "" if consent["column"] == _NONE else found.fault_of_column(consent["column"])

    hint = f" (perhaps {found.consent})" if found.consent else ""
    value = answers.value(
        "consent", "--consent", None if given is None else parsed(given), f"Column that states consent{hint}",
        default=_NONE, parse=parsed, wrong=wrong,
    )  # fmt: skip
    return str(value["column"])


def _ids_of(connection: str) -> Mapping[str, str]:
    """Customer and account of the connection, as far as it has them."""
    from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections  # noqa: PLC0415 - slow
    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415
    from customer_match.errors import CustomerMatchError  # noqa: PLC0415

    try:
        with airflow_connections():
            account = MicrosoftAdvertisingHook(connection).account()
    except CustomerMatchError as error:
        say(f"The connection cannot be used yet: {error}", err=True)
        return {}
    return {"customer_id": account.customer_id, "account_id": account.account_id}


def _write(path: Path, text: str) -> None:
    """Check the whole file, then write it, unless one has appeared meanwhile."""
    from customer_match.export.loading import read_export  # noqa: PLC0415 - keeps --help quick

    read_export(path, text.encode(), parse_conditions=True)
    with writes_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            _refuse_existing(path)
            raise
