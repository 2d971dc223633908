"""Which columns of two joined tables are read: the memberships, and the profiles with the e-mail addresses.

Addresses and `row_key` are columns of the profiles. `where` and `consent` apply to the profiles if these have the
columns, otherwise to the memberships; one condition never applies to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from customer_match.errors import ConfigurationError
from customer_match.export.model import Export
from customer_match.profiles.join import MembershipReading
from customer_match.profiles.reading import ReadSpec, read_spec_of
from customer_match.tables.columns import (
    find_column,
    find_id_column,
    has_column,
    holds_addresses,
    holds_nothing,
)

__all__ = ["JoinReading", "join_reading_of", "segments_column"]


@dataclass(frozen=True)
class JoinReading:
    """The columns of both tables that are read.

    Attributes:
        profiles: How to read the profiles.
        profile_key: The column of the profiles with the customer's id.
        memberships: How to read the memberships.
    """

    profiles: ReadSpec
    profile_key: str
    memberships: MembershipReading

    @property
    def profile_columns(self) -> tuple[str, ...]:
        """All columns of the profiles to read, each once."""
        return tuple(dict.fromkeys((*self.profiles.columns, self.profile_key)))


def join_reading_of(
    export: Export, profiles: Mapping[str, pa.DataType], memberships: Mapping[str, pa.DataType]
) -> JoinReading:
    """Resolve an export with a join against the columns of both tables.

    Raises:
        ConfigurationError: A column is missing or has a wrong type, or a condition fits neither table.
    """
    assert export.profiles is not None  # noqa: S101 (otherwise nothing is joined)
    profile_key = find_id_column(profiles, export.profiles.key, "profiles.key")
    where_of_profiles = _is_about_profiles(export, profiles, memberships)
    consent_of_profiles = export.consent is None or (
        has_column(profiles, export.consent.column) or not has_column(memberships, export.consent.column)
    )
    about_profiles = export.model_copy(
        update={
            "where": export.where if where_of_profiles else None,
            "consent": export.consent if consent_of_profiles else None,
        }
    )
    of_memberships = _membership_reading(export, memberships)
    if export.where is not None and not where_of_profiles:
        from customer_match.conditions.row_filter import row_filter  # noqa: PLC0415 (imports polars)

        of_memberships = replace(of_memberships, where=row_filter(export.where, memberships))
    if export.consent is not None and not consent_of_profiles:
        from customer_match.profiles.consent import consent_filter  # noqa: PLC0415

        of_memberships = replace(of_memberships, consent=consent_filter(export.consent, memberships))
    return JoinReading(
        profiles=read_spec_of(about_profiles, profiles),
        profile_key=profile_key,
        memberships=of_memberships,
    )


def segments_column(export: Export, memberships: Mapping[str, pa.DataType]) -> str | None:
    """Find the column that lists a customer's segments; None if each segment has a table of its own.

    Raises:
        ConfigurationError: The column is missing, or holds neither text nor lists of text.
    """
    if export.memberships is None:
        return None
    name = find_column(memberships, export.memberships.segments, "membership.segments")
    if not holds_addresses(memberships[name]) and not holds_nothing(memberships, name):
        raise ConfigurationError(
            f"The column {name!r} holds {memberships[name]}, not text or lists of text. Set `membership.segments` in "
            "the export file to the column that lists each customer's segments.",
            key="membership.segments",
        )
    return name


def _membership_reading(export: Export, columns: Mapping[str, pa.DataType]) -> MembershipReading:
    return MembershipReading(
        key=find_id_column(columns, export.membership_key, "membership.key"),
        segments=segments_column(export, columns),
    )


def _is_about_profiles(
    export: Export, profiles: Mapping[str, pa.DataType], memberships: Mapping[str, pa.DataType]
) -> bool:
    """Whether `where` applies to the profiles; also if it fits neither table: the message then lists their columns."""
    if export.where is None:
        return True
    from customer_match.conditions.checking import parse_condition  # noqa: PLC0415 (imports sqlglot)

    names = parse_condition(export.where).columns
    foreign = [name for name in names if not has_column(profiles, name)]
    if not foreign or not all(has_column(memberships, name) for name in foreign):
        return True
    mixed = [name for name in names if not has_column(memberships, name)]
    if mixed:
        raise ConfigurationError(
            f"`where` in the export file names columns of both tables: {mixed[0]!r} of the profiles and "
            f"{foreign[0]!r} of the memberships. A condition can use the columns of one table only: add the missing "
            "column to that table.",
            key="where",
        )
    return False
