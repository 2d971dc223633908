"""Whose an audience may be: a segment takes only its own, unless the export says `adopt: true`.

Two exports on one audience would replace each other's members at each run. So one that is kept for another export is
refused, whether the ledger says so or the mark; with `adopt` it is taken over, but never taken back.
"""

from __future__ import annotations

from enum import StrEnum

from customer_match.errors import ConfigurationError, TransientError
from customer_match.ledger.lookup import Ledgers, owner_of
from customer_match.ledger.state import State
from customer_match_delivery.marks import mark_in
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.models import Audience

__all__ = ["Ownership", "check_ours", "owner_by_mark_or_ledger", "ownership_of", "refuse_anothers"]


class Ownership(StrEnum):
    """What an audience is to a segment."""

    OWN = "own"
    """Kept for this segment."""
    OURS = "ours"
    """Kept by the export: since before marks named segments, or for a segment that is no more."""
    SIBLING = "sibling"
    """Kept for another segment of the export."""
    FOREIGN = "foreign"
    """Anybody else's."""


def ownership_of(audience: Audience, spec: AudienceSpec) -> Ownership:
    """What an audience is to the segment that wants one."""
    mark, own = mark_in(audience.description), spec.own_mark
    if mark is None or mark.export != own.export:
        return Ownership.FOREIGN
    if mark.key in spec.siblings:
        return Ownership.SIBLING
    return Ownership.OWN if mark == own else Ownership.OURS


def refuse_anothers(ledgers: Ledgers, spec: AudienceSpec, owner: str | None, *, what: str) -> None:
    """Refuse an audience that another export keeps.

    Args:
        ledgers: The ledgers of the account.
        spec: The audience as the export wants it.
        owner: The other export; None if there is none.
        what: The audience, for people.

    Raises:
        ConfigurationError: It is not to be taken over, or was taken over from this export.
    """
    if owner is None:
        return
    ours = spec.own_mark.export
    if not spec.adopt:
        raise ConfigurationError(
            f"{what} is kept by the export {owner!r}. Two exports on one audience would replace each other's members "
            f"at each run: give the segment of {ours!r} another audience name. If the audience is to move to {ours!r} "
            f"(also where the export was only renamed), take it out of {owner!r} and set `adopt: true` in the export "
            "file."
        )
    if ledgers.was_last_used(spec.key, spec.name):
        raise ConfigurationError(
            f"{what} was kept by this export, {ours!r}, and was taken over by the export {owner!r}. It is not taken "
            "back, because the two would go on so at each run: take the segment out of one of them. If it is to come "
            f"back, take it out of {owner!r}, and run `customer-match ledger forget {spec.name!r} --export {ours}`."
        )


def owner_by_mark_or_ledger(found: Audience, state: State, spec: AudienceSpec) -> str | None:
    """The other export that keeps an audience; None if it is ours, or nobody's."""
    mark, ours = mark_in(found.description), spec.own_mark.export
    if mark and mark.export != ours:
        return mark.export
    return owner_of(state, spec.key)


def check_ours(found: Audience, spec: AudienceSpec) -> None:
    """Refuse an audience that is not the segment's own, as its mark tells.

    Raises:
        ConfigurationError: It is another segment's or somebody else's, and is not to be taken over.
        TransientError: It is another segment's, which is to rename it first.
    """
    match ownership_of(found, spec):
        case Ownership.SIBLING if spec.audience_id:
            raise ConfigurationError(
                f"The audience {found.name!r} (id {found.id}) is kept for another segment of this export. Two "
                "segments cannot share one: give this one another `audience_id`."
            )
        case Ownership.SIBLING:
            raise TransientError(
                f"The audience {found.name!r} (id {found.id}) is still kept for another segment of this export, "
                "which is to rename it first; tried again. Run that segment too. If both are to exchange their "
                "names, give one a third name in between."
            )
        case Ownership.FOREIGN if spec.audience_id and not spec.adopt:
            raise ConfigurationError(
                f"The audience {found.name!r} (id {found.id}) that the export file gives was not created by this "
                "export. Set `adopt: true` there to take it over and replace its members, or correct the "
                "`audience_id`."
            )
        case Ownership.FOREIGN if not spec.adopt:
            raise ConfigurationError(
                f"Microsoft Advertising already has an audience named {found.name!r} (id {found.id}) that this "
                "export did not create. Give the segment another audience name in the export file, rename or "
                "delete that audience, or set `adopt: true` in the export file to take it over and replace its "
                "members."
            )
