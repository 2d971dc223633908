"""Builds an export from the arguments of `CustomerMatchUploadOperator`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Final

from customer_match.errors import ConfigurationError
from customer_match.export.loading import export_of_task
from customer_match.export.model import Export
from customer_match.safe_names import slug
from customer_match.storage.location import Location

__all__ = ["export_of_arguments", "name_of_export", "switch"]

_EXTENSION: Final = re.compile(r"\.(?:parquet|csv|tsv|txt)(?:\.gz)?$", re.IGNORECASE)
_PATTERN: Final = re.compile(r"[*?\[]")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,250}")

# Keys of an export file that are arguments of the task or of its DAG.
_ARGUMENTS: Final = {
    "name": "`export_name`",
    "connection": "`microsoft_advertising_conn_id`",
    "cid": "`customer_id`",
    "aid": "`account_id`",
    "source": "`source`",
    "segments": "`segments`",
    "email": "`email`",
    "workspace": "`workspace`",
    "upload_timeout_minutes": "`upload_timeout`",
    "retries": "`retries`",
    "retry_delay_seconds": "`retry_delay`",
    "owner": "`owner`",
    "start_date": "the DAG's `start_date`",
    "description": "the DAG's `description`",
    "tags": "the DAG's `tags`",
}


def name_of_export(dag_id: str, task_id: str) -> str:
    """Return the default name of a task's export."""
    name = f"{dag_id}.{task_id}"
    return name if _NAME.fullmatch(name) else slug(name)


def switch(value: object, argument: str) -> bool:
    """Parse a boolean argument, which may be the text of a rendered template.

    Raises:
        ConfigurationError: It is neither true nor false.
    """
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise ConfigurationError(f"`{argument}` must be true or false, not {text[:40]!r}.")
    return text == "true"


def export_of_arguments(
    *,
    origin: str,
    options: object,
    segments: object,
    source: object,
    lake: str | None,
    workspace: object,
    workspace_connection: str | None,
    **values: object,
) -> Export:
    """Build the export from the arguments of a task. They are validated here, after templates were rendered.

    Args:
        origin: Where the arguments come from, for messages.
        options: Further keys of an export file.
        segments: The operator's argument `segments`.
        source: The folder of tables that are named without a path, or a mapping as in an export file; None: the folder
            of the first table.
        lake: Connection of the tables.
        workspace: The workspace.
        workspace_connection: Its connection; None: that of the tables, if the workspace is not on a local disk.
        values: Further keys, which `options` must not have.

    Raises:
        ConfigurationError: An argument is not valid.
    """
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"{origin}, options: must be a mapping, as in an export file.")
    for key in _ARGUMENTS.keys() & options.keys():
        raise ConfigurationError(f"{origin}, options.{key}: is not an option. Use {_ARGUMENTS[key]} instead.")
    selections = _selections(segments)
    settings = dict(source) if isinstance(source, Mapping) else {"root": source} if source else {}
    kept = workspace_connection or (lake if _is_remote(workspace) else None)
    return export_of_task(
        {
            **options,
            **values,
            "source": {"root": _parent_of(selections)} | _connected(lake) | settings,
            "segments": selections,
            "workspace": {"root": workspace} | _connected(kept),
        },
        origin,
    )


def _connected(connection: str | None) -> dict[str, str]:
    return {"connection": connection} if connection else {}


def _is_remote(folder: object) -> bool:
    try:
        return not Location.of(str(folder)).is_local
    except ValueError:
        return True  # the validation of the workspace reports the error


def _selections(segments: object) -> object:
    """A list, also of what mapped tasks return (which is no `list`); one pattern or `all` as it is."""
    if isinstance(segments, Sequence) and not isinstance(segments, str):
        return [_selection(one) for one in segments]
    return segments


def _selection(segment: object) -> object:
    """Return a segment as in an export file. If the table is a path or a file name, its last part becomes its name."""
    if not isinstance(segment, str | Mapping):
        return segment
    values = dict({"table": segment} if isinstance(segment, str) else segment)
    table = str(values.get("table") or "")
    if "path" not in values and ("/" in table or (_EXTENSION.search(table) and not _PATTERN.search(table))):
        values |= {"table": _EXTENSION.sub("", posixpath.basename(table.rstrip("/"))), "path": table}
    return {key: value for key, value in values.items() if value is not None}


def _parent_of(selections: object) -> str:
    """Return the folder of the first table with a complete path. The folders of the others do not matter."""
    for one in selections if isinstance(selections, list) else ():
        path = str(one.get("path", "") if isinstance(one, Mapping) else "").rstrip("/")
        scheme, separator, rest = path.partition("://")
        if separator:
            return f"{scheme}://{posixpath.dirname(rest) or rest}"
        if path.startswith("/"):
            return posixpath.dirname(path)
    return "."
