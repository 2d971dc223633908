"""The report of a run as a few lines of text for a log or a note, and the notes that go with its counts."""

from __future__ import annotations

import re
from typing import Final

from customer_match.planning.sizes import AudienceSize
from customer_match.runs.report import OUTCOME_OF_ENDING, RunReport, SegmentReport
from customer_match.runs.states import RunState
from customer_match.wording import counted

__all__ = [
    "changes_of",
    "headline_of",
    "is_summary",
    "not_valid",
    "notes_of",
    "nothing_selected",
    "state_of",
    "stopped_by_hand",
    "stopped_by_time_limit",
    "summary_of",
    "unusable_lists",
]

_BEGINNINGS: Final = (
    r"[\d,]+ of [\d,]+ segments? succeeded\b",
    r"Skipped because the day of this run\b",
    r"The run (took longer than|was set to)\b",
    r"No segments were selected\.",
    r"The export file is not valid\.",
)
"""How notes of this project about a run begin, as regular expressions."""


_MOST_DECISIONS: Final = 5
"""How many decisions a note names: the failures come after them."""


def summary_of(report: RunReport) -> str:
    """Summarise the report in a few lines of text for a log or a note. A note may be cut off, so failures are first."""
    segments = sorted(report.segments, key=lambda segment: segment.outcome.good)
    return "\n".join([headline_of(report), *_decisions(report), *map(_line, segments), *_remarks(report)])


def is_summary(text: str) -> bool:
    """Whether a text is a note of this project about a run, such as the summary of an earlier report."""
    return any(re.match(words, text) for words in _BEGINNINGS)


def stopped_by_time_limit(hours: float) -> str:
    """Say that a run was ended by its time limit, and what to do."""
    return (
        f"The run took longer than {hours:g} hours (`run_timeout_hours`), so Airflow stopped it. The next run "
        "continues where this one stopped. If runs always take so long, raise `run_timeout_hours` in the export file."
    )


def stopped_by_hand(state: str) -> str:
    """Say that a user has ended a run by giving it a state."""
    return (
        f"The run was set to `{state}` by hand before its report was made. The next run continues where this one "
        "stopped."
    )


def nothing_selected(reason: str) -> str:
    """Say that a run failed before it had segments, and why."""
    return f"No segments were selected. {reason}"


def not_valid(message: str) -> str:
    """Say that an export file cannot be used, and why; the message has a line for each problem."""
    problems = "\n".join(f"- {line}" for line in message.splitlines())
    return f"The export file is not valid. Nothing was sent.\n{problems}"


def headline_of(report: RunReport) -> str:
    """How many segments succeeded, in one sentence."""
    count = len(report.segments)
    head = f"{count - report.failed:,} of {counted(count, 'segment')} succeeded"
    return f"{head}{' (dry run: nothing was sent)' if report.dry_run else ''}."


def state_of(report: RunReport) -> str:
    """How the run ended, in a sentence for people who do not run it."""
    failed, count = report.failed, len(report.segments)
    some = f"{failed:,} of {counted(count, 'segment')}"
    refused = "All segments were delivered, but Microsoft Advertising refused some members."
    words = {
        RunState.SUCCESS: "All segments succeeded.",
        RunState.DRY_RUN: "This was a rehearsal: nothing was sent. All segments would succeed.",
        RunState.PARTIAL: f"{some} failed; the others succeeded." if failed else refused,
        RunState.GUARD: f"Guards stopped {some}, because the figures look wrong. Check them first.",
        RunState.FAILED: "All segments failed." if count else "No segment was exported.",
        RunState.TIMED_OUT: "The run took too long and was stopped. The next run continues where it stopped.",
    }
    return words[report.state]


def notes_of(report: RunReport) -> list[str]:
    """The notes for users in addition to the counts, one line each."""
    notes = ((segment.audience, _notes(segment)) for segment in report.segments)
    lines = [f"- {audience}: {words}" for audience, words in notes if words]
    return [*_decisions(report), *lines, *_remarks(report)]


def unusable_lists(report: RunReport) -> list[str]:
    """The suppression lists with unusable rows, each list once."""
    lists = dict.fromkeys(one.words for s in report.segments for one in s.suppression_lists if one.rejected)
    return list(lists)


def changes_of(report: RunReport) -> list[str]:
    """The tables that have vanished or appeared since earlier runs, as one text each."""
    present = {segment.audience for segment in report.segments}
    next_step = (
        f" If the next run does not find it either, the audience is {OUTCOME_OF_ENDING[report.ending]}."
        if report.ending
        else ""
    )
    vanished = [
        f"{one.audience}: the audience is kept unchanged; its table {one.table} no longer exists.{next_step}"
        for one in report.vanished
        if one.audience not in present
    ]
    return [*vanished, *(f"{table}: no earlier run has delivered this table." for table in report.appeared)]


def _decisions(report: RunReport) -> list[str]:
    """Who approved or refused what guards had found: before all else, as notes are cut off."""
    lines = [
        f"- {one.audience}: {decision.sentence}" for one in report.segments for decision in one.decisions
    ]
    rest = len(lines) - _MOST_DECISIONS
    return [*lines[:_MOST_DECISIONS], *([f"- and {counted(rest, 'more decision')}."] if rest > 0 else [])]


def _remarks(report: RunReport) -> list[str]:
    lines = [
        f"- {_size_warning(s.sizes)}"
        for s in report.segments
        if s.sizes and s.sizes.readiness.needs_attention
    ]
    lines += [f"- {words}." for words in unusable_lists(report)]
    lines += [f"- {report.sizes_note}"] if report.sizes_note else []
    lines += [f"- {words}" for words in changes_of(report)]
    lines += [f"- Customer Match terms {report.terms}."] if report.terms else []
    return lines + ([f"- Data privacy {report.privacy}."] if report.privacy else [])


def _line(segment: SegmentReport) -> str:
    counts = _counts_in_words(segment)
    text = f"- {segment.audience}: {segment.outcome}{'; ' if counts else ''}{', '.join(counts)}."
    return " ".join(part for part in (text, _notes(segment)) if part)


def _counts_in_words(segment: SegmentReport) -> list[str]:
    if segment.profiles is None or segment.members is None:
        return []
    counts = [counted(segment.profiles, "profile"), counted(segment.members, "member")]
    if segment.parts is not None:
        removed = "unknown" if segment.removed is None else f"{segment.removed:,}"
        counts += [f"{segment.added or 0:,} added", f"{removed} removed"]
    if segment.renewed:
        counts.append(f"{segment.renewed:,} renewed")
    counts.append(f"{sum(segment.rejected.values()):,} rejected")
    counts += [f"{count:,} {words}" for words, count in segment.kept_out.items()]
    if segment.refused:
        counts.append(f"{sum(segment.refused.values()):,} refused by the service")
    return counts


def _notes(segment: SegmentReport) -> str:
    """The notes for users about a segment; empty if there are none."""
    beginning = "Replaced because its" if segment.replaced else "Its"
    damage = f"{beginning} ledger could not be trusted: {segment.damage}" if segment.damage else ""
    notes = (damage, _force(segment), segment.message, *_overrides(segment), segment.lapse, segment.uncovered)
    return " ".join(part for part in notes if part)


def _overrides(segment: SegmentReport) -> list[str]:
    return [f"Ignored because of `ignore_guards`: {words}" for words in segment.overridden]


def _force(segment: SegmentReport) -> str:
    over = segment.forced_over
    return f"Applied by force over newer data (up to {over:%Y-%m-%d %H:%M} UTC)." if over else ""


def _size_warning(sizes: AudienceSize) -> str:
    known = [(sizes.search_size, "in search"), (sizes.network_size, "in the audience network")]
    counts = ", ".join(f"{size:,} matched {where}" for size, where in known if size is not None)
    return f"{sizes.audience}: {sizes.readiness}; {counts + ': ' if counts else ''}{sizes.message}."
