"""Who owns an audience: a segment uses only its own, unless the export says `adopt: true`.

Two exports on one audience would replace each other's members at each run. An audience that belongs to another export,
by the ledger or by its mark, is therefore refused. With `adopt` it is taken over, but never taken back.
"""

from __future__ import annotations

from enum import StrEnum

from customer_match.errors import ConfigurationError, TransientError
from customer_match.ledger.lookup import Ledgers, owner_of
from customer_match.ledger.state import State
from customer_match_delivery.marks import mark_in
from customer_match_delivery.spec import AudienceSpec
from microsoft_advertising.models import Audience

__all__ = ["Ownership", "check_ours", "owner_by_mark_or_ledger", "ownership_of", "refuse_other_owner"]


class Ownership(StrEnum):
    """How an audience relates to a segment."""

    OWN = "own"
    """It belongs to this segment."""
    OURS = "ours"
    """It belongs to the export: its mark names no segment, or one that the export no longer has."""
    SIBLING = "sibling"
    """It belongs to another segment of the export."""
    FOREIGN = "foreign"
    """It belongs to another export, or to none."""


def ownership_of(audience: Audience, spec: AudienceSpec) -> Ownership:
    """How an audience relates to the segment of this specification."""
    mark, own = mark_in(audience.description), spec.own_mark
    if mark is None or mark.export != own.export:
        return Ownership.FOREIGN
    if mark.key in spec.siblings:
        return Ownership.SIBLING
    return Ownership.OWN if mark == own else Ownership.OURS


def refuse_other_owner(ledgers: Ledgers, spec: AudienceSpec, owner: str | None, *, what: str) -> None:
    """Refuse an audience that belongs to another export.

    Args:
        ledgers: The ledgers of the account.
        spec: The audience that the export asks for.
        owner: The other export; None if there is none.
        what: The audience, as messages name it.

    Raises:
        ConfigurationError: The export does not adopt it, or another export has taken it over from this one.
    """
    if owner is None:
        return
    ours = spec.own_mark.export
    if not spec.adopt:
        raise ConfigurationError(
            f"{what} belongs to the export {owner!r}. Two exports on one audience would replace each other's members "
            f"at each run. Give the segment of {ours!r} another audience name. To move the audience to {ours!r} "
            f"(also if the export was only renamed), remove it from {owner!r} and set `adopt: true` in the export "
            "file."
        )
    if ledgers.was_last_used(spec.key, spec.name):
        raise ConfigurationError(
            f"{what} belonged to this export, {ours!r}, until the export {owner!r} took it over. It is not taken back "
            "automatically, because the two exports would take it from each other at each run. Remove the segment "
            f"from one of them. To move it back here, remove it from {owner!r} and run "
            f"`customer-match ledger forget {spec.name!r} --export {ours}`."
        )


def owner_by_mark_or_ledger(found: Audience, state: State, spec: AudienceSpec) -> str | None:
    """The other export that owns an audience; None if it is ours, or has no owner."""
    mark, ours = mark_in(found.description), spec.own_mark.export
    if mark and mark.export != ours:
        return mark.export
    return owner_of(state, spec.key)


def check_ours(found: Audience, spec: AudienceSpec) -> None:
    """Refuse an audience that, by its mark, does not belong to the segment.

    Raises:
        ConfigurationError: It belongs to another segment or to someone else, and the export does not adopt it.
        TransientError: It belongs to another segment, which has to rename it first.
    """
    match ownership_of(found, spec):
        case Ownership.SIBLING if spec.audience_id:
            raise ConfigurationError(
                f"The audience {found.name!r} (id {found.id}) belongs to another segment of this export. Two "
                "segments cannot share an audience: give this one another `audience_id`."
            )
        case Ownership.SIBLING:
            raise TransientError(
                f"The audience {found.name!r} (id {found.id}) still belongs to another segment of this export, "
                "which has to rename it first. Run that segment too; this task is tried again. To swap the names of "
                "two audiences, give one of them a third name in between."
            )
        case Ownership.FOREIGN if spec.audience_id and not spec.adopt:
            raise ConfigurationError(
                f"This export did not create the audience {found.name!r} (id {found.id}) that its `audience_id` "
                "names. Set `adopt: true` in the export file to take the audience over and replace its members, or "
                "correct the `audience_id`."
            )
        case Ownership.FOREIGN if not spec.adopt:
            raise ConfigurationError(
                f"Microsoft Advertising already has an audience named {found.name!r} (id {found.id}) that this "
                "export did not create. Give the segment another audience name in the export file, rename or "
                "delete that audience, or set `adopt: true` in the export file to take it over and replace its "
                "members."
            )
