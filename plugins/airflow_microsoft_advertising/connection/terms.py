"""The Customer Match terms: who accepted them, according to the connection.

Since December 2025 an upload can accept the terms (documented: customer-list, `Accept Customer Match Term`). Acceptance
is a legal act that a program must not decide on: uploads accept the terms only if the connection names a person and a
day, and every report repeats both.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.connection.signature import Act

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["Terms", "terms_of"]

_ACCEPTANCE: Final = Act("terms_accepted_by", "terms_accepted_on", "the Customer Match terms", "accepted")


@dataclass(frozen=True)
class Terms:
    """An acceptance of the terms.

    Attributes:
        accepted_by: Name of the person, not an address.
        accepted_on: The day.
    """

    accepted_by: str
    accepted_on: dt.date

    def __str__(self) -> str:
        return (
            f"accepted with every upload for {self.accepted_by}, on record since {self.accepted_on:%Y-%m-%d}"
        )


def terms_of(connection: Connection) -> Terms | None:
    """Return the acceptance that a connection records; None if it records none.

    Raises:
        ConfigurationError: Only one of the two fields is filled in, or they do not hold a name and a day.
    """
    found = _ACCEPTANCE.read(connection)
    return Terms(found[0], _parse_day(found[1], connection)) if found else None


def _parse_day(text: str, connection: Connection) -> dt.date:
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise _ACCEPTANCE.fault(connection, "need a day such as 2026-01-31.") from None
    if day > dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1):  # it may be tomorrow in other time zones
        raise _ACCEPTANCE.fault(connection, "cannot have been accepted in the future. Correct the day.")
    return day
