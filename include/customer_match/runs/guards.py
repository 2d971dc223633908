"""Guards: what looks wrong is not sent. Each failure names the figures and how to let it pass.

Each guard is a pure function that returns what it found, or None; `judge` stops the run for it, unless the run
ignores guards. The limits stand in the export file (`guards`). A guard that has nothing to compare with does not
judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from customer_match.addresses.definition import Rejection
from customer_match.errors import ConfigurationError
from customer_match.export.limits import Guards
from customer_match.planning.known_tables import Changes
from customer_match.planning.plan import Plan
from customer_match.profiles.staging import Staged
from customer_match.profiles.suppression import ListRead
from customer_match.runs.records import Delivered
from customer_match.table_facts import TableFacts

__all__ = [
    "Finding",
    "GuardTripped",
    "check_age",
    "check_emails_lost",
    "check_members",
    "check_profiles_lost",
    "check_refused",
    "check_removed",
    "check_rows",
    "check_suppression",
    "check_vanished",
    "judge",
]

_FEW = 100  # leavers, profiles, or addresses too few to be a mistake, whatever their share
_HANDFUL = 10  # refused members, or rows without an address, that fail no segment, however small it is


@dataclass(frozen=True)
class Finding:
    """What looks wrong to a guard.

    Attributes:
        words: The figures, and where to look; one or more sentences.
        keys: The guard's keys under `guards`.
    """

    words: str
    keys: tuple[str, ...]


class GuardTripped(ConfigurationError):
    """Something looks wrong: a human must look before the segment goes on.

    Args:
        findings: All that the guards of one step have found, at least one thing.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        words = " ".join(finding.words for finding in findings)
        keys = " and ".join(f"`guards.{key}`" for finding in findings for key in finding.keys)
        super().__init__(
            f"{words} If that is right, run this segment once with `ignore_guards`, or change {keys} in the "
            "export file."
        )


def judge(*findings: Finding | None, ignore: bool) -> tuple[str, ...]:
    """Stop for what the guards of one step have found: for all of it at once, since one word lets all of it pass.

    Args:
        findings: Results of guards; None where nothing looks wrong.
        ignore: Whether this run ignores guards.

    Returns:
        What was let pass, in words, for the report.

    Raises:
        GuardTripped: Something was found, and guards are not ignored.
    """
    found = [finding for finding in findings if finding]
    if found and not ignore:
        raise GuardTripped(found)
    return words_of(found)


def words_of(findings: Iterable[Finding | None]) -> tuple[str, ...]:
    """What was found, for people."""
    return tuple(finding.words for finding in findings if finding)


# --- The table ---------------------------------------------------------------------------------------------


def check_age(
    segment: str,
    modified: datetime | None,
    now: datetime,
    guards: Guards,
    *,
    interval_end: datetime | None = None,
) -> Finding | None:
    """The table was written recently enough; not judged where the storage does not know when it was.

    Args:
        segment: The segment's audience.
        modified: When the table was written.
        now: The present time.
        guards: The limits.
        interval_end: Set for a table that is the run's own day's: that one had to be fresh at the end of the data
            interval, however long ago that is. What is there now, whatever the day, has to be fresh now.
    """
    if guards.max_age_hours is None or modified is None:
        return None
    past = interval_end is not None and interval_end < now
    age = (interval_end if interval_end and past else now) - modified
    if age <= timedelta(hours=guards.max_age_hours):
        return None
    return Finding(
        f"The table of segment {segment!r} was last written {age.total_seconds() / 3600:,.1f} hours "
        f"{'before the end of the data interval' if past else 'ago'} "
        f"({modified:%Y-%m-%d %H:%M} UTC); at most {guards.max_age_hours:g} are allowed. Check the job that writes it.",
        ("max_age_hours",),
    )


def check_rows(
    segment: str, location: str, profiles: int | None, files: int, guards: Guards
) -> Finding | None:
    """The table has rows; not judged where only reading it would tell.

    Args:
        segment: The segment's audience.
        location: Where the table lies.
        profiles: Its rows; None where its metadata does not tell.
        files: Its data files.
        guards: The limits.
    """
    if profiles != 0 or guards.allow_empty:
        return None
    return Finding(
        f"The table of segment {segment!r} ({location}) is empty: 0 profiles in {files:,} "
        f"file{'s' if files != 1 else ''}. Check the job that writes it.",
        ("allow_empty",),
    )


def check_members(segment: str, staged: Staged, guards: Guards) -> Finding | None:
    """The segment has members, and not too many of its profiles were rejected."""
    rejected = staged.considered - staged.valid
    reasons = _counts_in_words({reason.replace("_", " "): count for reason, count in staged.rejected.items()})
    if not guards.allow_empty and not staged.members.count:
        return Finding(
            f"Segment {segment!r} has no member: {staged.profiles:,} profiles read, {rejected:,} rejected{reasons}"
            f"{_kept_out(staged)}. "
            f"Check the table, and whether {'the keys are the right columns, and ' if staged.joined else ''}"
            f"`email` {'too' if staged.joined else 'is the right column'}.",
            ("allow_empty",),
        )
    if guards.max_rejected is None or not _exceeds(_odd(staged), staged.considered, guards.max_rejected):
        return None
    return Finding(
        f"{rejected:,} of {staged.considered:,} profiles of segment {segment!r} were rejected{reasons}; "
        f"at most {_share(guards.max_rejected)} are allowed. Is `email` the right column?",
        ("max_rejected",),
    )


def check_profiles_lost(
    segment: str, before: TableFacts | None, now: TableFacts, guards: Guards
) -> Finding | None:
    """The table has not shrunk too much.

    Args:
        segment: The segment's audience.
        before: The table that was delivered last; None: unknown, so nothing is judged.
        now: The table of this run.
        guards: The limits.
    """
    if before is None or guards.max_profiles_lost is None:
        return None
    lost = before.profiles - now.profiles
    if lost <= _FEW or not _exceeds(lost, before.profiles, guards.max_profiles_lost):
        return None
    return Finding(
        f"The table of segment {segment!r} has {now.profiles:,} profiles; the last one that was delivered had "
        f"{before.profiles:,}, and at most {_share(guards.max_profiles_lost)} may get lost. Is it complete?",
        ("max_profiles_lost",),
    )


def check_emails_lost(
    segment: str, before: TableFacts | None, now: TableFacts, guards: Guards
) -> Finding | None:
    """The e-mail column has not suddenly become empty.

    What is compared is which share of the profiles has anything in it, so that a table may shrink or grow.

    Args:
        segment: The segment's audience.
        before: The table that was delivered last; None: unknown, so nothing is judged.
        now: The table of this run.
        guards: The limits.
    """
    if before is None or guards.max_emails_lost is None or not before.filled:
        return None
    kept = Fraction(before.filled, before.profiles) * now.profiles  # so many would be filled as before
    lost = kept - now.filled
    if lost <= _FEW or not _exceeds(lost, kept, guards.max_emails_lost):
        return None
    return Finding(
        f"In the table of segment {segment!r} {now.filled:,} of {now.profiles:,} profiles have something in the e-mail "
        f"column; in the last one that was delivered {before.filled:,} of {before.profiles:,} had, and of that share "
        f"at most {_share(guards.max_emails_lost)} may get lost. Has the column become empty, or got another name?",
        ("max_emails_lost",),
    )


def check_vanished(segment: str, changes: Changes, guards: Guards) -> Finding | None:
    """Not too many tables have vanished at once: else the lake is the likelier one to be at fault.

    Args:
        segment: The audience of one of them.
        changes: How many were known, and are not there any more.
        guards: The limits.
    """
    is_one = changes.gone <= 1 and changes.found > 0  # taken off by somebody, while others are there
    if guards.max_vanished is None or is_one:
        return None
    if not _exceeds(changes.gone, changes.known, guards.max_vanished):
        return None
    return Finding(
        f"The table of segment {segment!r} is not there any more: {changes.gone:,} of {changes.known:,} tables that "
        f"earlier runs have delivered have vanished, and at most {_share(guards.max_vanished)} may, for their "
        "audiences to be emptied or deleted. Check the job that writes them, and `source`.",
        ("max_vanished",),
    )


def check_suppression(lists: Iterable[ListRead], guards: Guards) -> Finding | None:
    """Not too much of a suppression list is of no use: whoever stands in such a row is not kept out.

    Args:
        lists: All lists of the export, as they were read.
        guards: The limits.
    """
    limit = guards.max_suppress_unusable
    broken = [one for one in lists if limit is not None and _exceeds(one.unusable, one.rows, limit)]
    if limit is None or not broken:
        return None
    figures = " ".join(f"{one.words}." for one in broken)
    return Finding(
        f"{figures} At most {_share(limit)} may be: these rows keep nobody out. Check what writes the list, and its "
        "`email` under `suppress`.",
        ("max_suppress_unusable",),
    )


# --- The audience ------------------------------------------------------------------------------------------


def check_removed(audience: str, plan: Plan, guards: Guards) -> Finding | None:
    """Not too many members leave at once; not judged where nobody knows who is in the audience."""
    if plan.removed is None:
        return None
    before = plan.removed + plan.unchanged
    broken: dict[str, str] = {}
    if (
        guards.max_removed is not None
        and plan.removed > _FEW
        and _exceeds(plan.removed, before, guards.max_removed)
    ):
        broken["max_removed"] = f"at most {_share(guards.max_removed)}"
    if guards.max_removed_members is not None and plan.removed > guards.max_removed_members:
        broken["max_removed_members"] = f"at most {guards.max_removed_members:,} members"
    if not broken:
        return None
    return Finding(
        f"{plan.removed:,} of {before:,} members would leave the audience {audience!r}; "
        f"{' and '.join(broken.values())} may. Is the table complete?",
        tuple(broken),
    )


def check_refused(audience: str, delivered: Delivered, members: int, guards: Guards) -> Finding | None:
    """The service did not refuse too many members.

    Judged against all members of the segment, also where a small difference was sent: members that are refused each
    time are sent each time, and would soon be most of it.

    Args:
        audience: The audience's name.
        delivered: What the service took; recorded already, and right either way.
        members: Members of the segment.
        guards: The limits.
    """
    refused, of = sum(delivered.refused.values()), max(members, delivered.sent)
    if guards.max_refused is None or refused <= _HANDFUL or not _exceeds(refused, of, guards.max_refused):
        return None
    return Finding(
        f"{delivered.refusals} for the audience {audience!r}; of its {of:,} members at most "
        f"{_share(guards.max_refused)} may be refused. All others were taken, and the next run tries these again. "
        "docs/errors.md has what each reason means.",
        ("max_refused",),
    )


# --- Figures -----------------------------------------------------------------------------------------------


def _exceeds(part: int | Fraction, whole: int | Fraction, limit: float) -> bool:
    """Whether a part is more than a share of the whole, exactly: 29 of 100 do not exceed 0.29, as floats would."""
    return part > Fraction(repr(limit)) * whole


def _share(limit: float) -> str:
    """A share in percent, as it was written: 0.005 is 0.5%."""
    return f"{float(Fraction(repr(limit)) * 100):.12g}%"


def _odd(staged: Staged) -> int:
    """Rejected rows; those where nothing stands only if they are more than a handful: some people give no address.

    The other guards look at what was there before, so that a hundred may go. This one has only the rows at hand: with
    a hundred let pass, a list of 150 people could lose 100 of them on its first day, and nobody would be told.
    """
    missing = staged.rejected.get(Rejection.MISSING, 0)
    return staged.considered - staged.valid - (missing if missing <= _HANDFUL else 0)


def _kept_out(staged: Staged) -> str:
    counts = {
        "deleted": staged.log.deleted if staged.log else 0,
        "left out by `where`": staged.filtered,
        "without consent": staged.without_consent,
        "members suppressed": staged.suppressed or 0,
        "customers without a profile": staged.joined.without_profile if staged.joined else 0,
    }
    return "".join(f", {count:,} {words}" for words, count in counts.items() if count)


def _counts_in_words(counts: dict[str, int]) -> str:
    return f" ({', '.join(f'{name} {count:,}' for name, count in counts.items())})" if counts else ""
