"""Whether a run may begin: whoever ordered it may use the connection, and a person has agreed to data privacy.

It is checked in `select`, before any row is read. What was agreed then is stored for the report: a withdrawal stops
the next run, not the one that has begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.connection.consent import require_agreement
from airflow_microsoft_advertising.connection.sharing import USED_BY, may_use, sharing_of
from airflow_microsoft_advertising.connection.users import user_named
from customer_match.data_privacy import PrivacyAgreement
from customer_match.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_microsoft_advertising.run.export_run import ExportRun

__all__ = ["check_permission", "load_agreement"]

_FILE: Final = "privacy.json"


def check_permission(run: ExportRun) -> None:
    """Check that a run may begin, and store the agreement that allows it.

    A dry run needs none, because nothing is sent; nor does a run that empties or deletes audiences, which must be
    possible after the agreement was withdrawn.

    Raises:
        ConfigurationError: There is no usable connection, the orderer of the run may not use it, or nobody has agreed
            to data privacy; the message says what to do.
        TransientError: The connection cannot be read now. Without it, nothing is allowed.
    """
    try:
        connection = run.hook.connection()
    except ConfigurationError as error:
        raise ConfigurationError(str(error), key="connection") from None
    _check_orderer(run, connection)
    if run.dry_run or run.ending:
        return
    agreement = require_agreement(connection)
    run.workspace.write_bytes(f"{run.folder}/{_FILE}", agreement.model_dump_json(indent=1).encode())


def load_agreement(run: ExportRun) -> PrivacyAgreement | None:
    """Load the agreement that allowed a run; None for a dry run, or one that was not allowed."""
    path = f"{run.folder}/{_FILE}"
    if run.dry_run or not run.workspace.exists(path):
        return None
    return PrivacyAgreement.model_validate_json(run.workspace.read_bytes(path))


def _check_orderer(run: ExportRun, connection: Connection) -> None:
    """Check who started the run; if nobody did, the owner of the export. An export without owner is administrators'."""
    orderer = run.ordered_by or run.export.owner
    if orderer is None or sharing_of(connection) is None:
        return
    user = user_named(orderer, connection.conn_id)
    if may_use(connection, user):
        return
    who = "user" if run.ordered_by else "owner of the export (`owner`)"
    name = orderer if user.roles is not None else f"{orderer} by name (tasks cannot look up roles here)"
    raise ConfigurationError(
        f"The {who}, {orderer}, may not use the Airflow connection {connection.conn_id!r}. Nothing was read. Let an "
        f"administrator add {name} to its users (Browse > Audience connections, or the field `{USED_BY}`), or let one "
        "of its users start the run.",
        key="connection",
    )
