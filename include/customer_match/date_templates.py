"""Dates in paths: `{{ ds }}` and the like, with the names and meanings that Airflow gives them.

A small part of Jinja: the names below, their attributes, filters, and sums with `macros.timedelta`. Nothing else can
be written, so that a path is a pure function of the run's dates. `{{ latest }}` leaves a hole in the path that only
the lake can fill (`tables/dated.py`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    import jinja2
    from jinja2 import nodes

__all__ = ["Latest", "RunDates", "checked_template", "is_template", "latest_in", "render", "sample"]

_SIGNS: Final = ("{{", "{%", "{#")
_BEGIN, _END = "\ue000", "\ue001"  # letters for private use: around what `latest` leaves in a path
_NAMES: Final = (
    "ds",
    "ds_nodash",
    "ts",
    "ts_nodash",
    "logical_date",
    "data_interval_start",
    "data_interval_end",
    "macros",
    "latest",
)
_FILTERS: Final = ("ds", "ds_nodash", "ts", "ts_nodash", "strftime", "local")
_ATTRIBUTES: Final = (
    "strftime",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "ds_add",
    "ds_format",
    "timedelta",
)
_NODES: Final = frozenset(
    {
        "Template",
        "Output",
        "TemplateData",
        "Name",
        "Const",
        "Getattr",
        "Call",
        "Filter",
        "Keyword",
        "Add",
        "Sub",
        "Neg",
    }
)
_ORDER: Final = "YmdHMS"
_DAY: Final = "%Y-%m-%d"


@dataclass(frozen=True)
class RunDates:
    """The dates of a run.

    Attributes:
        start: Begin of the data interval, with a time zone.
        end: Its end; the same moment for a run whose interval is one.
        logical: What `ds` and `ts` are made of.
        timezone: The export's, for the filter `local`.
    """

    start: datetime
    end: datetime
    logical: datetime
    timezone: str = "UTC"

    @classmethod
    def at(cls, moment: datetime, timezone: str = "UTC") -> RunDates:
        """Those of a run that stands for one moment."""
        return cls(moment, moment, moment, timezone)

    def shifted(self, days: int) -> RunDates:
        """The same run so many days later."""
        step = timedelta(days=days)
        return replace(self, start=self.start + step, end=self.end + step, logical=self.logical + step)

    def holds(self, moment: datetime) -> bool:
        """Whether something that begins at this moment lies before the end of the interval.

        An interval does not hold its own end, unless that is all there is of it.
        """
        return moment < self.end or (moment == self.end and self.start == self.end)


@dataclass(frozen=True)
class Latest:
    """A path with a hole for the newest date.

    Attributes:
        folder: What is above the hole's level; may be empty.
        pattern: The level or levels of the hole, as a format of `strptime`.
        rest: What follows below; may be empty.
        local: Whether its dates are of the export's time zone instead of UTC.
    """

    folder: str
    pattern: str
    rest: str
    local: bool = False


def is_template(text: str) -> bool:
    """Whether a text holds anything that is to be replaced."""
    return any(sign in text for sign in _SIGNS)


def checked_template(text: str) -> str:
    """Return the template, or raise ValueError with what is wrong with it."""
    import jinja2  # noqa: PLC0415 (for files with templates alone)

    try:
        tree = _environment().parse(text)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(
            f"is not a template that can be read ({error.message}). Write it as `{{{{ ds }}}}`"
        ) from None
    if fault := next(_faults(tree), None):
        raise ValueError(fault)
    if sum(getattr(node, "name", None) == "latest" for node in _all(tree)) > 1:
        raise ValueError("holds `latest` twice. Only one place of a path can be looked up")
    sample(text)
    return text


def sample(text: str) -> str:
    """The template rendered for some day, to look at its form; ValueError if it cannot be."""
    dates = RunDates.at(datetime(2026, 1, 31, 13, 45, tzinfo=UTC))
    try:
        rendered = _rendered(text, dates)
    except Exception as error:  # noqa: BLE001 (whatever its parts raise: they are the user's)
        raise ValueError(
            f"is a template that cannot be filled in ({_plain(error)}). docs/export-file.md lists what there is"
        ) from None
    return re.sub(f"{_BEGIN}.(.*?){_END}", lambda hole: f"{dates.logical:{hole[1]}}", rendered)


def render(text: str, dates: RunDates) -> str:
    """The text with its dates filled in; holes of `latest` stay, for `latest_in`.

    Raises:
        ConfigurationError: It cannot be filled in for these dates.
    """
    if not is_template(text):
        return text
    try:
        return _rendered(text, dates)
    except Exception as error:  # noqa: BLE001 (as above)
        raise ConfigurationError(
            f"The path {text!r} of the export file cannot be filled in for the run of {dates.end:%Y-%m-%d %H:%M} UTC "
            f"({_plain(error)}). Correct it."
        ) from None


def latest_in(path: str) -> Latest | None:
    """The hole that `latest` has left in a rendered path; None if there is none."""
    before, mark, after = path.partition(_BEGIN)
    if not mark:
        return None
    pattern, _, after = after.partition(_END)
    folder, slash, name = before.rpartition("/")
    tail, _, rest = after.partition("/")
    return Latest(
        folder + slash, _escaped(name) + pattern[1:] + _escaped(tail), rest, local=pattern[0] == "L"
    )


def _escaped(name: str) -> str:
    return name.replace("%", "%%")


def _rendered(text: str, dates: RunDates) -> str:
    environment = _environment().overlay()
    environment.filters = _filters(dates.timezone)
    return environment.from_string(text).render(_values(dates))


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415 (for files with templates alone)
    from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415

    return SandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)


def _values(dates: RunDates) -> dict[str, Any]:
    logical = dates.logical.astimezone(UTC)
    return {
        "ds": _ds(logical),
        "ds_nodash": _ds_nodash(logical),
        "ts": _ts(logical),
        "ts_nodash": _ts_nodash(logical),
        "logical_date": logical,
        "data_interval_start": dates.start.astimezone(UTC),
        "data_interval_end": dates.end.astimezone(UTC),
        "macros": SimpleNamespace(ds_add=_ds_add, ds_format=_ds_format, timedelta=timedelta),
        "latest": _Hole(),
    }


def _filters(timezone: str) -> dict[str, Any]:
    return {
        "ds": _ds,
        "ds_nodash": _ds_nodash,
        "ts": _ts,
        "ts_nodash": _ts_nodash,
        "strftime": lambda moment, form: moment.strftime(form),
        "local": lambda moment: moment.astimezone(ZoneInfo(timezone)),
    }


def _ds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _ds_nodash(moment: datetime) -> str:
    return moment.strftime("%Y%m%d")


def _ts(moment: datetime) -> str:
    return moment.isoformat()


def _ts_nodash(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%S")


def _ds_add(day: str, days: int) -> str:
    return _ds(_day(day) + timedelta(days=days))


def _ds_format(day: str, read: str, written: str) -> str:
    return _day(day, read).strftime(written)


def _day(text: str, form: str = _DAY) -> datetime:
    return datetime.strptime(text, form).replace(tzinfo=UTC)


class _Hole:
    """What `latest` is in a template: `{{ latest }}`, or `{{ latest('%Y/%m/%d') }}`."""

    def __str__(self) -> str:
        return self()

    def __call__(self, form: str = _DAY, *, local: bool = False) -> str:
        fields = re.findall("%(.)", form)
        if "Y" not in fields or not set(fields) <= set(_ORDER) or len(set(fields)) < len(fields):
            raise ValueError("latest takes a format with %Y and, once each, %m %d %H %M %S")
        order = [_ORDER.index(one) for one in fields]
        if order != list(range(len(order))) if "/" in form else sorted(order) != list(range(len(order))):
            raise ValueError(
                "latest takes years, months, days ... without a gap, over several folders in order"
            )
        if form != posixpath.normpath(form) or form.startswith(("/", "..")):
            raise ValueError("latest takes a format of plain names of folders")
        return f"{_BEGIN}{'L' if local else 'U'}{form}{_END}"


# --- What may be written -----------------------------------------------------------------------------------


def _faults(tree: nodes.Template) -> Iterator[str]:
    written = list(_all(tree))
    if any(type(node).__name__ not in _NODES for node in written):
        yield "holds more than dates: in a path only `{{ ... }}` with names, filters and sums can be written"
    for node in written:
        kind = type(node).__name__
        if kind == "Name":
            yield from _unknown(node.name, _NAMES, "the name")  # type: ignore[attr-defined]
        elif kind == "Filter":
            yield from _unknown(node.name, _FILTERS, "the filter")  # type: ignore[attr-defined]
        elif kind == "Getattr":
            yield from _unknown(node.attr, _ATTRIBUTES, "the attribute")  # type: ignore[attr-defined]


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        yield from _all(child)
    yield node


def _unknown(name: str, known: tuple[str, ...], what: str) -> Iterator[str]:
    if name in known:
        return
    near = get_close_matches(name, known, 1)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    yield f"uses {what} `{name}`, which paths do not know. {hint}There are: {', '.join(known)}"
