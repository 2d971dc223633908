"""Guards: stop data that looks wrong before it is sent. Each failure names the figures and how to override the guard.

Each guard is a pure function that returns a finding or None. `judge` fails the step for findings, unless the run
ignores guards. The limits are in the export file (`guards`). A guard that has nothing to compare with returns None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from customer_match.addresses.definition import Rejection
from customer_match.errors import ConfigurationError
from customer_match.export.limits import Guards
from customer_match.planning.known_tables import Changes
from customer_match.planning.plan import Plan
from customer_match.profiles.staging import Staged
from customer_match.profiles.suppression import ListRead
from customer_match.runs.decisions import Decision, not_approved, remarks_on
from customer_match.runs.findings import Finding, keys_of, words_of
from customer_match.runs.records import Delivered
from customer_match.table_facts import TableFacts
from customer_match.wording import counted

__all__ = [
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

PAGE: Final = "*Browse > Audience exports* in Airflow"
"""Where the pages of exports are."""

_FEW = 100  # so few members, profiles or addresses may always get lost, whatever their share
_HANDFUL = 10  # so few refused members, or rows without an address, never fail a segment, however small it is


class GuardTripped(ConfigurationError):
    """The data looks wrong: a user must check it before the segment continues.

    Args:
        findings: The findings of the guards of one step that nobody has approved; at least one.
        remarks: What to say about earlier decisions in this run.
        on_page: Whether Airflow has a page of the export, where people decide on the findings.

    Attributes:
        findings: The findings.
    """

    def __init__(
        self, findings: Sequence[Finding], *, remarks: Sequence[str] = (), on_page: bool = False
    ) -> None:
        self.findings = tuple(findings)
        said = " ".join([*words_of(findings), *remarks])
        approve = f"approve them on the export's page ({PAGE}), " if on_page else ""
        keys = " and ".join(f"`guards.{key}`" for key in keys_of(findings))
        super().__init__(
            f"{said} If these figures are correct, {approve}run this segment once with `ignore_guards`, or change "
            f"{keys} in the export file."
        )


def judge(
    *findings: Finding | None, ignore: bool, decisions: Iterable[Decision] = (), on_page: bool = False
) -> tuple[str, ...]:
    """Fail a step for the findings of all of its guards at once, because `ignore_guards` ignores all of them.

    Args:
        findings: Results of guards; None if a guard found nothing.
        ignore: Whether this run ignores guards.
        decisions: What people have decided on findings of this segment in this run.
        on_page: Whether Airflow has a page of the export, where people decide.

    Returns:
        The ignored findings as sentences, for the report. It has those that were approved from the decisions.

    Raises:
        GuardTripped: There are findings that nobody has approved, and guards are not ignored.
    """
    found = [finding for finding in findings if finding]
    if ignore:
        return words_of(found)
    known = list(decisions)
    if stopping := not_approved(found, known):
        raise GuardTripped(stopping, remarks=remarks_on(stopping, known), on_page=on_page)
    return ()


# --- The table ---------------------------------------------------------------------------------------------


def check_age(
    segment: str,
    modified: datetime | None,
    now: datetime,
    guards: Guards,
    *,
    interval_end: datetime | None = None,
) -> Finding | None:
    """Check that the table was written recently enough; None if the storage does not know when it was written.

    Args:
        segment: The segment's audience.
        modified: When the table was written.
        now: The present time.
        guards: The limits.
        interval_end: Set for a table that belongs to the run's day: it must have been fresh at the end of the data
            interval, however long ago that is. A table that does not depend on the day must be fresh now.
    """
    if guards.max_age_hours is None or modified is None:
        return None
    past = interval_end is not None and interval_end < now
    age = (interval_end if interval_end and past else now) - modified
    if age <= timedelta(hours=guards.max_age_hours):
        return None
    return Finding(
        words=f"The table of segment {segment!r} was last written {age.total_seconds() / 3600:,.1f} hours "
        f"{'before the end of the data interval' if past else 'ago'} "
        f"({modified:%Y-%m-%d %H:%M} UTC); at most {guards.max_age_hours:g} are allowed. Check the job that writes it.",
        keys=("max_age_hours",),
        # The age grows while people decide, but this does not: it is worse only if the table is an older one.
        figures={"max_age_hours": -modified.timestamp()},
    )


def check_rows(
    segment: str, location: str, profiles: int | None, files: int, guards: Guards
) -> Finding | None:
    """Check that the table has rows; None if its metadata does not say how many.

    Args:
        segment: The segment's audience.
        location: Location of the table.
        profiles: Number of rows; None if its metadata does not say.
        files: Number of data files.
        guards: The limits.
    """
    if profiles != 0 or guards.allow_empty:
        return None
    return Finding(
        words=f"The table of segment {segment!r} ({location}) is empty: 0 profiles in "
        f"{counted(files, 'file')}. Check the job that writes it.",
        keys=("allow_empty",),
        figures={"allow_empty": 0},
    )


def check_members(segment: str, staged: Staged, guards: Guards) -> Finding | None:
    """Check that the segment has members, and that not too many of its profiles were rejected."""
    rejected = staged.considered - staged.valid
    reasons = _counts_in_words({reason.replace("_", " "): count for reason, count in staged.rejected.items()})
    if not guards.allow_empty and not staged.members.count:
        return Finding(
            words=f"Segment {segment!r} has no members: {staged.profiles:,} profiles read, {rejected:,} rejected"
            f"{reasons}{_kept_out(staged)}. {_advice(staged)}.",
            keys=("allow_empty",),
            figures={"allow_empty": 0},
        )
    if guards.max_rejected is None or not _exceeds(_odd(staged), staged.considered, guards.max_rejected):
        return None
    return Finding(
        words=f"{rejected:,} of {staged.considered:,} profiles of segment {segment!r} were rejected{reasons}; "
        f"at most {_share(guards.max_rejected)} are allowed. Check that `email` names the right column.",
        keys=("max_rejected",),
        figures={"max_rejected": _odd(staged) / staged.considered},
    )


def _advice(staged: Staged) -> str:
    """What to check if a segment has no members: what left out the last of its rows."""
    if staged.considered == 0 and staged.consent:
        return str(staged.consent)
    if staged.considered == 0 and staged.filtered:
        return "Check the table and the condition `where`, which is true for none of its rows"
    columns = (
        "the keys and `email` name the right columns" if staged.joined else "`email` names the right column"
    )
    return f"Check the table, and that {columns}"


def check_profiles_lost(
    segment: str, before: TableFacts | None, now: TableFacts, guards: Guards
) -> Finding | None:
    """Check that the table has not shrunk too much.

    Args:
        segment: The segment's audience.
        before: The table that was delivered last; None if unknown, and then nothing is checked.
        now: The table of this run.
        guards: The limits.
    """
    if before is None or guards.max_profiles_lost is None:
        return None
    lost = before.profiles - now.profiles
    if lost <= _FEW or not _exceeds(lost, before.profiles, guards.max_profiles_lost):
        return None
    return Finding(
        words=f"The table of segment {segment!r} has {now.profiles:,} profiles; at the last delivery it had "
        f"{before.profiles:,}, and at most {_share(guards.max_profiles_lost)} may be lost. Check that the table is "
        "complete.",
        keys=("max_profiles_lost",),
        figures={"max_profiles_lost": lost / before.profiles},
    )


def check_emails_lost(
    segment: str, before: TableFacts | None, now: TableFacts, guards: Guards
) -> Finding | None:
    """Check that the e-mail column has not suddenly become empty.

    Compares the share of profiles with a value in the column, so that the table may shrink or grow.

    Args:
        segment: The segment's audience.
        before: The table that was delivered last; None if unknown, and then nothing is checked.
        now: The table of this run.
        guards: The limits.
    """
    if before is None or guards.max_emails_lost is None or not before.filled:
        return None
    kept = (
        Fraction(before.filled, before.profiles) * now.profiles
    )  # expected number with a value, by the old share
    lost = kept - now.filled
    if lost <= _FEW or not _exceeds(lost, kept, guards.max_emails_lost):
        return None
    return Finding(
        words=f"In the table of segment {segment!r}, {now.filled:,} of {now.profiles:,} profiles have a value in the "
        f"e-mail column; at the last delivery, {before.filled:,} of {before.profiles:,} had one, and at most "
        f"{_share(guards.max_emails_lost)} of that share may be lost. Check whether the column is empty or renamed.",
        keys=("max_emails_lost",),
        figures={"max_emails_lost": float(lost / kept)},
    )


def check_vanished(segment: str, changes: Changes, guards: Guards) -> Finding | None:
    """Check that not too many tables have vanished at once; if they have, a fault in the lake is more likely.

    Args:
        segment: The audience of one of them.
        changes: The numbers of known tables and of those that no longer exist.
        guards: The limits.
    """
    is_one = changes.gone <= 1 and changes.found > 0  # one removed table, while others exist
    if guards.max_vanished is None or is_one:
        return None
    if not _exceeds(changes.gone, changes.known, guards.max_vanished):
        return None
    return Finding(
        words=f"The table of segment {segment!r} no longer exists. {changes.gone:,} of {changes.known:,} tables that "
        "earlier runs delivered have vanished; their audiences are emptied or deleted only if at most "
        f"{_share(guards.max_vanished)} have. Check the job that writes the tables, and `source`.",
        keys=("max_vanished",),
        figures={"max_vanished": changes.gone / changes.known},
    )


def check_suppression(lists: Iterable[ListRead], guards: Guards) -> Finding | None:
    """Check that not too many rows of a suppression list are unusable: an unusable row suppresses no member.

    Args:
        lists: The counts of all suppression lists of the export.
        guards: The limits.
    """
    limit = guards.max_suppress_unusable
    broken = [one for one in lists if limit is not None and _exceeds(one.unusable, one.rows, limit)]
    if limit is None or not broken:
        return None
    words = " ".join(f"{one.words}." for one in broken)
    return Finding(
        words=f"{words} At most {_share(limit)} may be unusable, because an unusable row suppresses no member. Check "
        "the job that writes the list, and its `email` under `suppress`.",
        keys=("max_suppress_unusable",),
        figures={f"max_suppress_unusable {one.name}": one.unusable / one.rows for one in broken},
    )


# --- The audience ------------------------------------------------------------------------------------------


def check_removed(audience: str, plan: Plan, guards: Guards) -> Finding | None:
    """Check that not too many members are removed at once; None if the audience's members are unknown."""
    if plan.removed is None:
        return None
    before = plan.removed + plan.unchanged
    broken: dict[str, str] = {}
    figures = {"max_removed": plan.removed / before if before else 0.0, "max_removed_members": plan.removed}
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
        words=f"{plan.removed:,} of {before:,} members would be removed from the audience {audience!r}; "
        f"{' and '.join(broken.values())} may be. Check that the table is complete.",
        keys=tuple(broken),
        figures={key: figures[key] for key in broken},
    )


def check_refused(audience: str, delivered: Delivered, members: int, guards: Guards) -> Finding | None:
    """Check that the service did not refuse too many members.

    The share is taken of all members of the segment, even if only a small difference was sent: refused members are
    sent again each time, and would soon be most of the difference.

    Args:
        audience: The audience's name.
        delivered: The result of the upload, which is already recorded and correct in any case.
        members: Number of members of the segment.
        guards: The limits.
    """
    refused, of = sum(delivered.refused.values()), max(members, delivered.sent)
    if guards.max_refused is None or refused <= _HANDFUL or not _exceeds(refused, of, guards.max_refused):
        return None
    return Finding(
        words=f"{delivered.refusals} for the audience {audience!r}; at most {_share(guards.max_refused)} of its {of:,} "
        "members may be refused. All others were accepted, and the next run sends the refused ones again. "
        "docs/errors.md explains each reason.",
        keys=("max_refused",),
        figures={"max_refused": refused / of},
    )


# --- Figures -----------------------------------------------------------------------------------------------


def _exceeds(part: int | Fraction, whole: int | Fraction, limit: float) -> bool:
    """Whether a part is more than a share of the whole; exact, so that 29 of 100 does not exceed 0.29."""
    return part > Fraction(repr(limit)) * whole


def _share(limit: float) -> str:
    """A share as a percentage, without rounding errors: 0.005 is 0.5%."""
    return f"{float(Fraction(repr(limit)) * 100):.12g}%"


def _odd(staged: Staged) -> int:
    """Number of rejected rows that count; rows without an address count only if there are more than a handful.

    Some profiles simply have no address. The other guards compare with an earlier table, so they can ignore 100 rows.
    This one has only the present rows: if it ignored 100, a list of 150 profiles could lose 100 of them on its first
    day without any message.
    """
    missing = staged.rejected.get(Rejection.MISSING, 0)
    return staged.considered - staged.valid - (missing if missing <= _HANDFUL else 0)


def _kept_out(staged: Staged) -> str:
    counts = {
        "deleted": staged.log.deleted if staged.log else 0,
        "left out by `where`": staged.filtered,
        "without consent": staged.without_consent,
        "members suppressed": staged.suppressed or 0,
        "members erased": staged.erased or 0,
        "customers without a profile": staged.joined.without_profile if staged.joined else 0,
    }
    return "".join(f", {count:,} {words}" for words, count in counts.items() if count)


def _counts_in_words(counts: dict[str, int]) -> str:
    return f" ({', '.join(f'{name} {count:,}' for name, count in counts.items())})" if counts else ""
