"""`consent`: the values of a column that mean consent; any other value means that the profile has not consented."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from customer_match.conditions.value_filter import ValueFilter, value_filter
from customer_match.export.people import Consent

__all__ = ["consent_filter"]


def consent_filter(consent: Consent, columns: Mapping[str, pa.DataType]) -> ValueFilter:
    """Make a consent filter for a table with these columns.

    Raises:
        ConfigurationError: The column is missing, or can never hold one of the allowed values.
    """
    keys = ("consent.column", "consent.allow")
    return value_filter(consent.column, consent.allow, columns, keys=keys, tells="consent")
