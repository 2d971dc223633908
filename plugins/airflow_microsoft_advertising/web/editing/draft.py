"""The file that a form makes, before it is written: its text, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from airflow_microsoft_advertising.web.editing.form import Form
from customer_match.drafts.changing import changed_text
from customer_match.drafts.folder import ExportsFolder, StoredFile
from customer_match.drafts.new_file import new_text
from customer_match.errors import ConfigurationError
from customer_match.export.loading import InvalidExport
from customer_match.export.model import Export
from customer_match.export.schedule import next_run
from customer_match.export.yaml_document import Problem, read_document

__all__ = ["Draft", "Origin", "draft_of"]

_NEXT_RUNS: Final = 3
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Origin:
    """What a draft begins with.

    Attributes:
        stored: The file that is edited or copied; None for a new export.
        is_copy: Whether the file is only copied.
    """

    stored: StoredFile | None = None
    is_copy: bool = False

    @property
    def is_new(self) -> bool:
        """Whether the draft becomes a new file."""
        return self.stored is None or self.is_copy

    @property
    def values(self) -> dict[str, Any]:
        """The values of the file."""
        return dict(read_document(self.stored.text.encode()).values or {}) if self.stored else {}


@dataclass(frozen=True)
class Draft:
    """A file that is not written yet.

    Attributes:
        path: The file that it will be.
        text: Its content; empty if it cannot be made.
        problems: What is wrong with it, as the loader of export files says it.
        next_runs: When it will run first, with the time zone of the export.
    """

    path: Path
    text: str = ""
    problems: tuple[Problem, ...] = ()
    next_runs: tuple[datetime, ...] = field(default=())


def draft_of(
    form: Form,
    origin: Origin,
    folder: ExportsFolder,
    now: datetime,
    *,
    taken: Collection[str] = (),
    owner: str | None = None,
) -> Draft:
    """Make the file of a form.

    Args:
        form: The form.
        origin: What it began with.
        folder: The folder of export files.
        now: The present time, UTC.
        taken: Names that a new export must not have: those of other DAGs.
        owner: The owner of a new export, for whom its scheduled runs act; None if it needs none.
    """
    path, text = origin.stored.path if origin.stored else folder.path, ""
    try:
        if origin.is_new:
            path = folder.target(form.name)
            _check_name(form.name, taken)
        text = _text(form, origin, owner)
        export = folder.check(path, text)
    except InvalidExport as error:
        return Draft(path, text, error.problems)
    except ConfigurationError as error:
        return Draft(path, problems=(Problem(None, "", str(error).removesuffix(".")),))
    return Draft(path, text, next_runs=tuple(_next_runs(export, now)))


def _check_name(name: str, taken: Collection[str]) -> None:
    if name in taken:
        raise InvalidExport("", [Problem(None, "name", "is the id of another DAG. Choose another name")])


def _text(form: Form, origin: Origin, owner: str | None) -> str:
    written = origin.values
    values = form.values(written)
    if origin.stored is None:
        return new_text(form.name, values | _of_new(values, owner))
    if origin.is_copy:
        values = _of_copy(values) | _of_new(values, owner)
    return changed_text(origin.stored.text, values)


def _of_copy(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a copy: it has the name of its file, and no audience of the other export by its id."""
    segments = values.get("segments")
    if isinstance(segments, list):
        values["segments"] = [
            {key: value for key, value in one.items() if key != "audience_id"}
            if isinstance(one, dict)
            else one
            for one in segments
        ]
    return {key: value for key, value in values.items() if key not in {"name", "owner"}}


def _of_new(values: Mapping[str, Any], owner: str | None) -> dict[str, Any]:
    """Keys that new exports have: saving must run nothing, and scheduled runs are those of whoever saved."""
    paused = {"paused_at_creation": True} if values.get("schedule") not in (None, "none") else {}
    return paused | ({"owner": owner} if owner else {})


def _next_runs(export: Export, now: datetime) -> Iterable[datetime]:
    zone, moment = ZoneInfo(export.timezone), max(now, export.begins - _INSTANT)
    for _ in range(_NEXT_RUNS):
        following = next_run(export.schedule, export.timezone, moment)
        if following is None:
            return
        yield following.astimezone(zone)
        moment = following
