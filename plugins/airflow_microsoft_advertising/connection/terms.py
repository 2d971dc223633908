"""The Customer Match terms: who has accepted them, as far as the connection says so.

Since December 2025 an upload may itself accept the terms (documented: customer-list, `Accept Customer Match
Term`). Accepting is an act of law that a program must not make up: it is done only where somebody has put name
and day on the connection, and every report repeats them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_match.errors import ConfigurationError
from customer_match.redaction import may_be_address

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["Terms", "terms_of"]


@dataclass(frozen=True)
class Terms:
    """An acceptance.

    Attributes:
        accepted_by: Who; a name, not an address.
        accepted_on: When.
    """

    accepted_by: str
    accepted_on: dt.date

    def __str__(self) -> str:
        return (
            f"accepted with every upload for {self.accepted_by}, on record since {self.accepted_on:%Y-%m-%d}"
        )


def terms_of(connection: Connection) -> Terms | None:
    """The acceptance that a connection records; None if it records none.

    Raises:
        ConfigurationError: Only one of the two fields is filled in, or they do not hold a name and a day.
    """
    extra = connection.extra_dejson
    who, when = (str(extra.get(key) or "").strip() for key in ("terms_accepted_by", "terms_accepted_on"))
    if not who and not when:
        return None
    place = f"The Airflow connection {connection.conn_id!r}: the Customer Match terms"
    if not who or not when:
        missing = "who accepted them" if not who else "the day on which they were accepted"
        raise ConfigurationError(f"{place} need both name and day. Fill in {missing}, or empty both fields.")
    if may_be_address(who) or not who.isprintable():
        raise ConfigurationError(
            f"{place} need a person's name in one line, not an e-mail address: it is repeated in every report."
        )
    return Terms(who, _day(when, place))


def _day(text: str, place: str) -> dt.date:
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise ConfigurationError(f"{place} need a day such as 2026-01-31.") from None
    if day > dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1):  # it may be tomorrow in other time zones
        raise ConfigurationError(f"{place} cannot have been accepted in the future. Correct the day.")
    return day
