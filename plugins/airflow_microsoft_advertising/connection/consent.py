"""The agreement to data privacy that a connection records. Without one, no export runs with the connection.

Who agrees is a person's decision, so nothing here is a default: a person agrees on the page of connections, with
`customer-match consent give` or `customer-match login`, or writes the three fields where the connection is defined.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.connection.place import variable_of
from airflow_microsoft_advertising.connection.signature import Act
from customer_match.data_privacy import PrivacyAgreement, current_text_id, text_ids
from customer_match.errors import ConfigurationError
from customer_match.redaction import may_be_address
from microsoft_advertising.pasted import trim

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = [
    "FIELDS",
    "agreed_fields",
    "agreement_of",
    "recorded_name",
    "require_agreement",
    "withdrawn_fields",
]

_AGREEMENT: Final = Act(
    "privacy_agreed_by", "privacy_agreed_on", "the fields of the agreement to data privacy", "agreed to"
)
_TEXT: Final = "privacy_text"
_WITHDRAWN: Final = "privacy_withdrawn"
FIELDS: Final = (_AGREEMENT.by, _AGREEMENT.on, _TEXT, _WITHDRAWN)
"""The fields of the extra; the last one says who withdrew the last agreement, and when."""


def agreement_of(connection: Connection) -> PrivacyAgreement | None:
    """Return the agreement that a connection records; None if it records none.

    Raises:
        ConfigurationError: Only a part of it is recorded, or the fields do not hold a name, a time, and the id of a
            text.
    """
    found = _AGREEMENT.read(connection)
    if found is None:
        return None
    who, when = found
    text = trim(str(connection.extra_dejson.get(_TEXT) or ""))
    if text not in text_ids():
        raise _AGREEMENT.fault(
            connection,
            f"name {f'the text {text!r}, which there is not' if text else 'no text'}. `customer-match consent show` "
            f"prints the text: read it, agree, and set `{_TEXT}` to {current_text_id()}.",
        )
    return PrivacyAgreement(by=who, on=_parse_time(when, connection), text=text)


def require_agreement(connection: Connection) -> PrivacyAgreement:
    """Return the agreement of a connection; without one, nothing may be sent.

    Raises:
        ConfigurationError: There is none, or it is not valid; the message says how a person agrees.
    """
    agreement = agreement_of(connection)
    if agreement:
        return agreement
    withdrawn = trim(str(connection.extra_dejson.get(_WITHDRAWN) or ""))
    raise ConfigurationError(
        f"The Airflow connection {connection.conn_id!r} has no agreement to data privacy"
        f"{f' any more (withdrawn by {withdrawn})' if withdrawn else ''}, so nothing may be sent. "
        f"{_how_to_agree(connection.conn_id)}",
        key="connection",
    )


def _how_to_agree(conn_id: str) -> str:
    if variable := variable_of(conn_id):
        return (
            f"Read the text (`customer-match consent show {conn_id}`). To agree, add to `extra` in the environment "
            f"variable {variable}: `{_AGREEMENT.by}` with your name, `{_AGREEMENT.on}` with the day, and `{_TEXT}` "
            f"with {current_text_id()}."
        )
    return (
        f"A person who may decide this reads the text and agrees: under Browse > Audience connections, or with "
        f"`customer-match consent give {conn_id}`."
    )


def agreed_fields(agreement: PrivacyAgreement) -> dict[str, str]:
    """Return the extra fields that record an agreement."""
    return {
        _AGREEMENT.by: agreement.by,
        _AGREEMENT.on: agreement.on.astimezone(UTC).isoformat(timespec="seconds"),
        _TEXT: agreement.text,
        _WITHDRAWN: "",
    }


def withdrawn_fields(name: str, now: datetime) -> dict[str, str]:
    """Return the extra fields that end an agreement, and keep who withdrew it and when."""
    when = f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return {_AGREEMENT.by: "", _AGREEMENT.on: "", _TEXT: "", _WITHDRAWN: f"{name}, {when}"}


def recorded_name(user: str) -> str:
    """Return the name by which reports call a user: reports hold no address, and some user names are addresses."""
    name = user.partition("@")[0]
    return "a user whose name is an address" if may_be_address(name) else name


def _parse_time(text: str, connection: Connection) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _AGREEMENT.fault(connection, "need a day such as 2026-01-31, or a time in ISO 8601.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > datetime.now(UTC) + timedelta(days=1):  # it may be tomorrow in other time zones
        raise _AGREEMENT.fault(connection, "cannot be of the future. Correct the day.")
    return moment.astimezone(UTC)
