"""The text of an alert: what happened, how many segments it concerns, what to do, and where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Final

from pydantic import BaseModel, ConfigDict, field_validator

from customer_match.alerts.conditions import WHOLE_RUN, Condition
from customer_match.export.alerts.section import Kind
from customer_match.redaction import printable, without_addresses
from customer_match.wording import counted

__all__ = ["Alert", "RunFacts", "alert_of_deadline", "alert_of_problems", "alert_of_recovery"]

_LISTED: Final = (
    10  # segments with their messages; of a hundred that fail at once, most fail for the same reason
)
_MESSAGE_LENGTH: Final = 600

_NEXT_STEPS: Final = {
    Kind.FAILURE: "Next step: correct what the messages name. The next run sends what is missing; until then these "
    "audiences may be out of date.",
    Kind.DEADLINE: "Next step: on the page of the export, see whether it is paused, waits for data, is running, or has "
    "failed. When a run has delivered all segments, another alert says so.",
    Kind.GUARD: "Next step: check the figures, and approve or refuse them on the page of the export.",
    Kind.PARTIAL: "Next step: check the reasons. These audiences were delivered, but some people are missing.",
}


_WORDS: Final = {
    Kind.FAILURE: "failed",
    Kind.GUARD: "stopped by a guard",
    Kind.PARTIAL: "delivered in part",
}


class RunFacts(BaseModel):
    """The run that an alert is about.

    Attributes:
        export: Name of the export.
        title: Its title.
        run_id: Airflow's id of the run.
        interval_end: End of its data interval, UTC.
        run_url: The run's page in Airflow; None if the address of Airflow is not known.
        report_url: The page of its report; None if there is none.
        export_url: The page of the export, where guards are approved; None if the address of Airflow is not known.
    """

    model_config = ConfigDict(frozen=True)

    export: str
    title: str
    run_id: str
    interval_end: datetime
    run_url: str | None = None
    report_url: str | None = None
    export_url: str | None = None


class Alert(BaseModel):
    """A message about a run; it contains no address and no digest.

    Attributes:
        kind: What it is about.
        run: The run.
        title: One line.
        body: Lines of text, without the links.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    run: RunFacts
    title: str
    body: str

    @field_validator("title", "body")
    @classmethod
    def _without_addresses(cls, value: str) -> str:
        return without_addresses(value)

    @property
    def links(self) -> dict[str, str]:
        """The links by their names."""
        known = {
            "Run in Airflow": self.run.run_url, "Report": self.run.report_url,
            "Page of the export": self.run.export_url,
        }  # fmt: skip
        return {name: url for name, url in known.items() if url}

    @property
    def text(self) -> str:
        """Everything as plain text."""
        links = [f"{name}: {url}" for name, url in self.links.items()]
        return "\n".join([self.body, *([""] if links else []), *links])

    @property
    def html(self) -> str:
        """Everything as HTML, for a mail."""
        paragraphs = [escape(part).replace("\n", "<br>\n") for part in self.body.split("\n\n")]
        links = [f'<a href="{escape(url)}">{name}</a>' for name, url in self.links.items()]
        return "\n".join(f"<p>{part}</p>" for part in [*paragraphs, *([" · ".join(links)] if links else [])])

    @property
    def slack(self) -> str:
        """Everything in Slack's own format, in which only these three characters are escaped."""
        title, body = (
            text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            for text in (self.title, self.body)
        )
        links = [f"<{url}|{name}>" for name, url in self.links.items()]
        return "\n".join([f"*{title}*", body, *links])


def alert_of_problems(run: RunFacts, conditions: Sequence[Condition], news: int, segments: int) -> Alert:
    """Make the alert of a run with problems.

    Args:
        run: The run.
        conditions: Its problems, at least one; those that are new first.
        news: How many of them are new.
        segments: Number of segments of the run.
    """
    kinds = {condition.kind for condition in conditions[:news]}
    kind = next(kind for kind in Kind if kind in kinds)
    listed = [_line(condition) for condition in conditions[:_LISTED]]
    rest = len(conditions) - len(listed)
    if rest:
        listed.append(f"- and {rest} more; the report lists all.")
    steps = [_NEXT_STEPS[one] for one in Kind if one in {condition.kind for condition in conditions}]
    counts = _counts(conditions, segments)
    body = "\n\n".join([_about(run), "\n".join([counts, *listed]), "\n".join(steps)])
    return Alert(kind=kind, run=run, title=f"{printable(run.title)}: {_headline(conditions)}", body=body)


def alert_of_deadline(run: RunFacts, words: str) -> Alert:
    """Make the alert of a missed deadline.

    Args:
        run: The run that has found it.
        words: What was missed, as sentences.
    """
    body = "\n\n".join([f"Export {run.export}: {words}", _NEXT_STEPS[Kind.DEADLINE]])
    title = f"{printable(run.title)}: not up to date in time"
    return Alert(kind=Kind.DEADLINE, run=run, title=title, body=body)


def alert_of_recovery(
    run: RunFacts,
    ended: Sequence[str],
    decisions: Sequence[str] = (),
    *,
    late: Sequence[datetime] = (),
    is_all: bool = True,
) -> Alert:
    """Make the alert that says that announced problems have ended.

    Args:
        run: The run.
        ended: The places where there were problems.
        decisions: Who has approved that segments go on although guards had stopped them, as sentences.
        late: Deadlines that this run has met late, UTC.
        is_all: Whether no problem is left.
    """
    names = sorted(printable(place) for place in ended if place != WHOLE_RUN)
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if names[_LISTED:] else "")
    what = f"The last run of these segments succeeded: {listed}." if names else "The export runs again."
    if late:
        times = ", ".join(f"{one:%Y-%m-%d %H:%M} UTC" for one in late)
        what = f"All segments are up to date now. They were late for the deadline of {times}."
    title = "up to date, but late" if late else "works again"
    approved = [f"- {printable(words)}" for words in decisions[:_LISTED]]
    end = ["All problems that were announced before have ended."] if is_all else []
    body = "\n\n".join([_about(run), "\n".join([what, *end]), *(["\n".join(approved)] if approved else [])])
    return Alert(kind=Kind.RECOVERY, run=run, title=f"{printable(run.title)}: {title}", body=body)


def _about(run: RunFacts) -> str:
    return (
        f"Export {run.export}, run {printable(run.run_id)}, data up to {run.interval_end:%Y-%m-%d %H:%M} UTC."
    )


def _headline(conditions: Sequence[Condition]) -> str:
    if any(condition.place == WHOLE_RUN for condition in conditions):
        return "the run failed"
    counts = Counter(condition.kind for condition in conditions)
    first, *others = [(counts[kind], words) for kind, words in _WORDS.items() if counts[kind]]
    number, words = first
    return ", ".join(
        [
            f"{counted(number, 'segment')} {words}",
            *(f"{n} {said}" for n, said in others),
        ]
    )


def _counts(conditions: Sequence[Condition], segments: int) -> str:
    concerned = sum(condition.place != WHOLE_RUN for condition in conditions)
    if not concerned:
        return "The run as a whole failed."
    return f"{concerned:,} of {counted(segments, 'segment')} {'has' if concerned == 1 else 'have'} problems."


def _line(condition: Condition) -> str:
    message = " ".join(condition.message.split())
    if len(message) > _MESSAGE_LENGTH:
        message = f"{message[:_MESSAGE_LENGTH]} …"
    return f"- {message}" if condition.place == WHOLE_RUN else f"- {printable(condition.place)}: {message}"
