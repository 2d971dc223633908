"""Dates in paths, such as `{{ ds }}`, with the names and meanings of Airflow.

Only a small part of Jinja is allowed: the names below, their attributes, filters, and sums with `macros.timedelta`.
A path is therefore a pure function of the run's dates. `{{ latest }}` leaves a placeholder in the path, which is
replaced by the newest date in the lake (`tables/dated.py`).
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

__all__ = ["Latest", "RunDates", "check_template", "is_template", "parse_latest", "render", "sample"]

_MARKERS: Final = ("{{", "{%", "{#")
_BEGIN, _END = (
    "\ue000",
    "\ue001",
)  # private-use characters around the placeholder that `latest` leaves in a path
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
        start: Start of the data interval, with a time zone.
        end: End of the data interval; equal to the start for a run at one moment.
        logical: The logical date, from which `ds` and `ts` are made.
        timezone: The export's time zone, for the filter `local`.
    """

    start: datetime
    end: datetime
    logical: datetime
    timezone: str = "UTC"

    @classmethod
    def at(cls, moment: datetime, timezone: str = "UTC") -> RunDates:
        """Return the dates of a run whose interval is one moment."""
        return cls(moment, moment, moment, timezone)

    def shifted(self, days: int) -> RunDates:
        """Return the dates of the same run a number of days later."""
        step = timedelta(days=days)
        return replace(self, start=self.start + step, end=self.end + step, logical=self.logical + step)

    def holds(self, moment: datetime) -> bool:
        """Return whether data that begins at this moment is from before the end of the interval.

        An interval does not hold its own end, unless it is only one moment.
        """
        return moment < self.end or (moment == self.end and self.start == self.end)


@dataclass(frozen=True)
class Latest:
    """A path with a placeholder for the newest date.

    Attributes:
        folder: The path above the placeholder's level; may be empty.
        pattern: The level or levels of the placeholder, as a format of `strptime`.
        rest: The path below; may be empty.
        local: Whether its dates are in the export's time zone instead of UTC.
    """

    folder: str
    pattern: str
    rest: str
    local: bool = False


def is_template(text: str) -> bool:
    """Return whether a text contains template syntax."""
    return any(marker in text for marker in _MARKERS)


def check_template(text: str) -> str:
    """Return the template; raise ValueError, saying what is wrong, if it is not valid."""
    import jinja2  # noqa: PLC0415 (for files with templates alone)

    try:
        tree = _environment().parse(text)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"is not a valid template ({error.message}). Write it as `{{{{ ds }}}}`") from None
    if fault := next(_find_faults(tree), None):
        raise ValueError(fault)
    if sum(getattr(node, "name", None) == "latest" for node in _walk(tree)) > 1:
        raise ValueError("uses `latest` twice. A path can use it only once")
    sample(text)
    return text


def sample(text: str) -> str:
    """Render the template for an example day, to check the form of the path; raise ValueError if that fails."""
    dates = RunDates.at(datetime(2026, 1, 31, 13, 45, tzinfo=UTC))
    try:
        rendered = _render(text, dates)
    except Exception as error:  # noqa: BLE001 (the user's template may raise anything)
        raise ValueError(
            f"is a template that cannot be rendered ({_one_line(error)}). docs/export-file.md lists what paths may use"
        ) from None
    return re.sub(f"{_BEGIN}.(.*?){_END}", lambda hole: f"{dates.logical:{hole[1]}}", rendered)


def render(text: str, dates: RunDates) -> str:
    """Render the dates in a text; placeholders of `latest` stay, for `parse_latest`.

    Raises:
        ConfigurationError: The text cannot be rendered for these dates.
    """
    if not is_template(text):
        return text
    try:
        return _render(text, dates)
    except Exception as error:  # noqa: BLE001 (as above)
        raise ConfigurationError(
            f"The path {text!r} of the export file cannot be rendered for the run of {dates.end:%Y-%m-%d %H:%M} UTC "
            f"({_one_line(error)}). Correct the template in the path."
        ) from None


def parse_latest(path: str) -> Latest | None:
    """Split a rendered path at the placeholder of `latest`; None if it has none."""
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


def _render(text: str, dates: RunDates) -> str:
    environment = _environment().overlay()
    environment.filters = _build_filters(dates.timezone)
    return environment.from_string(text).render(_build_values(dates))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415 (for files with templates alone)
    from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415

    return SandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)


def _build_values(dates: RunDates) -> dict[str, Any]:
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
        "latest": _LatestPlaceholder(),
    }


def _build_filters(timezone: str) -> dict[str, Any]:
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


class _LatestPlaceholder:
    """The value of `latest` in a template: `{{ latest }}`, or `{{ latest('%Y/%m/%d') }}`."""

    def __str__(self) -> str:
        return self()

    def __call__(self, form: str = _DAY, *, local: bool = False) -> str:
        fields = re.findall("%(.)", form)
        if "Y" not in fields or not set(fields) <= set(_ORDER) or len(set(fields)) < len(fields):
            raise ValueError("latest needs a format with %Y, and at most once each %m %d %H %M %S")
        order = [_ORDER.index(one) for one in fields]
        if order != list(range(len(order))) if "/" in form else sorted(order) != list(range(len(order))):
            raise ValueError(
                "latest needs years, months, days ... without a gap; over several folders, in that order"
            )
        if form != posixpath.normpath(form) or form.startswith(("/", "..")):
            raise ValueError("latest needs a format of plain folder names")
        return f"{_BEGIN}{'L' if local else 'U'}{form}{_END}"


# --- Allowed template syntax -----------------------------------------------------------------------------------


def _find_faults(tree: nodes.Template) -> Iterator[str]:
    written = list(_walk(tree))
    if any(type(node).__name__ not in _NODES for node in written):
        yield "uses template syntax that is not allowed: a path may only use `{{ ... }}` with names, filters and sums"
    for node in written:
        kind = type(node).__name__
        if kind == "Name":
            yield from _check_name(node.name, _NAMES, "the name")  # type: ignore[attr-defined]
        elif kind == "Filter":
            yield from _check_name(node.name, _FILTERS, "the filter")  # type: ignore[attr-defined]
        elif kind == "Getattr":
            yield from _check_name(node.attr, _ATTRIBUTES, "the attribute")  # type: ignore[attr-defined]


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        yield from _walk(child)
    yield node


def _check_name(name: str, known: tuple[str, ...], what: str) -> Iterator[str]:
    if name in known:
        return
    near = get_close_matches(name, known, 1)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    yield f"uses {what} `{name}`, which is not available in paths. {hint}Available: {', '.join(known)}"
