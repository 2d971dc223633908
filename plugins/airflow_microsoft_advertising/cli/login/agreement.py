"""The agreement to data privacy in `customer-match login`: kept, given by the option, asked for, or missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.cli.consent.asking import agree, offer
from airflow_microsoft_advertising.cli.login.request import Login
from airflow_microsoft_advertising.cli.output import say
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_microsoft_advertising.connection.writer import SavedConnection

__all__ = ["agreement_fields"]


def agreement_fields(login: Login, before: SavedConnection) -> dict[str, str]:
    """Return the fields of the connection that record the agreement: those of the saved one are kept.

    Without an agreement the connection is written nevertheless, and a message says that no export runs with it yet.

    Raises:
        ConfigurationError: The name in the option is none.
    """
    from airflow_microsoft_advertising.connection.consent import FIELDS, agreed_fields  # noqa: PLC0415

    kept = {key: str(before.extra[key] or "") for key in FIELDS if key in before.extra}
    if login.agreed_by is None and _is_agreed(kept):
        return kept
    agreement = offer() if login.agreed_by is None else agree(login.agreed_by)
    if agreement:
        return kept | agreed_fields(agreement)
    say(
        "No export runs with this connection yet: nobody has agreed to data privacy. Read the text and agree with "
        f"`customer-match consent give {login.conn_id}`.",
        err=True,
    )
    return kept


def _is_agreed(fields: dict[str, str]) -> bool:
    from airflow.sdk import Connection  # noqa: PLC0415 (keeps --help quick)

    from airflow_microsoft_advertising.connection.consent import agreement_of  # noqa: PLC0415

    try:
        return agreement_of(Connection(conn_id="", conn_type="", extra=json.dumps(fields))) is not None
    except ConfigurationError:
        return False
