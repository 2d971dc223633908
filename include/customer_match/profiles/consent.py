"""`consent`: the values of a column that mean consent; any other value means that the profile has not consented."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from customer_match.conditions.value_filter import ValueFilter, value_filter
from customer_match.errors import ConfigurationError
from customer_match.export.people import Consent
from customer_match.profiles.consent_values import in_sql
from customer_match.tables.columns import describe_type, find_column, holds_nothing

__all__ = ["consent_filter"]


def consent_filter(consent: Consent, columns: Mapping[str, pa.DataType]) -> ValueFilter:
    """Make a consent filter for a table with these columns.

    Raises:
        ConfigurationError: The column is missing, or can never hold one of the allowed values.
    """
    keys = ("consent.column", "consent.allow")
    name = find_column(columns, consent.column, keys[0])
    if pa.types.is_temporal(columns[name]) and not holds_nothing(columns, name):
        raise ConfigurationError(
            f"The column {name!r} holds {describe_type(columns[name])}, which cannot express consent. If a date means "
            f"consent, replace `consent` in the export file by `where: {in_sql(name)} IS NOT NULL`.",
            key=keys[0],
        )
    return value_filter(consent.column, consent.allow, columns, keys=keys, tells="consent")
