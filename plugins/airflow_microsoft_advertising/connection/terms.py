"""The Customer Match terms: who accepted them, according to the connection.

Since December 2025 an upload can accept the terms (documented: customer-list, `Accept Customer Match Term`). Acceptance
is a legal act that a program must not decide on: uploads accept the terms only if the connection names a person and a
day, and every report repeats both.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_match.errors import ConfigurationError
from customer_match.redaction import may_be_address
from microsoft_advertising.pasted import trim

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["Terms", "terms_of"]


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
    extra = connection.extra_dejson
    who, when = (trim(str(extra.get(key) or "")) for key in ("terms_accepted_by", "terms_accepted_on"))
    if not who and not when:
        return None
    subject = f"The Airflow connection {connection.conn_id!r}: the Customer Match terms"
    if not who or not when:
        missing = "who accepted them" if not who else "the day on which they were accepted"
        raise ConfigurationError(
            f"{subject} need both name and day. Fill in {missing}, or empty both fields."
        )
    if may_be_address(who) or not who.isprintable():
        raise ConfigurationError(
            f"{subject} need a person's name in one line, not an e-mail address: every report repeats it. Correct it."
        )
    return Terms(who, _parse_day(when, subject))


def _parse_day(text: str, subject: str) -> dt.date:
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise ConfigurationError(f"{subject} need a day such as 2026-01-31.") from None
    if day > dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1):  # it may be tomorrow in other time zones
        raise ConfigurationError(f"{subject} cannot have been accepted in the future. Correct the day.")
    return day
