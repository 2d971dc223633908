"""Keeps the last entry of an audit trail in an Airflow Variable.

Whoever may write to the workspace can cut off the end of a trail there, or make the whole trail again. Airflow's
metadata database has other users, other permissions and other backups.
"""

from __future__ import annotations

import hashlib

from airflow_microsoft_advertising.connection.metadata_database import has_metadata_database
from airflow_microsoft_advertising.connection.variables import has_supervisor, read_variable, write_variable
from customer_match.audit.chain import Head
from customer_match.redaction import logger
from customer_match.safe_names import slug

__all__ = ["VariableHeads", "variable_name"]

NAME = "customer_match_audit"

log = logger(__name__)


def variable_name(export: str, workspace: str) -> str:
    """Return the name of the Variable for the trail of an export.

    Args:
        export: Name of the export.
        workspace: Location of its workspace: exports of one name in several workspaces have trails of their own.
    """
    place = hashlib.blake2b(workspace.rstrip("/").encode(), digest_size=6).hexdigest()
    return f"{NAME}_{slug(export)}_{place}"


class VariableHeads:
    """The last entry of a trail in an Airflow Variable; see `HeadStore`.

    Args:
        export: Name of the export.
        workspace: Location of its workspace.
    """

    def __init__(self, export: str, workspace: str) -> None:
        self.name = variable_name(export, workspace)
        self._description = (
            f"Last entry of the audit trail of the export {export}, which proves that it is complete."
        )

    def load(self) -> Head | None:
        """Return the entry that was stored last; None if there is none, or, with a warning, if it cannot be read."""
        if not _is_airflow_here():
            return None
        try:
            return _parsed(read_variable(self.name))
        except Exception as error:  # noqa: BLE001 (the trail itself can be read without it)
            log.warning("The Airflow Variable %s cannot be read: %s", self.name, type(error).__name__)
            return None

    def store(self, head: Head) -> None:
        """Store an entry, unless a later one is stored. If this fails, log a warning."""
        if not _is_airflow_here():
            return
        try:
            known = _parsed(read_variable(self.name))
            if known is None or known.sequence < head.sequence:
                write_variable(self.name, str(head), self._description)
        except Exception as error:  # noqa: BLE001 (the trail is written; only a cut-off end could not be found)
            log.warning(
                "The last entry of the audit trail could not be stored in the Airflow Variable %s (%s). Allow tasks to "
                "write Variables: without it, `customer-match audit verify` cannot find a cut-off end.",
                self.name,
                type(error).__name__,
            )


def _is_airflow_here() -> bool:
    return has_supervisor() or has_metadata_database()


def _parsed(text: str | None) -> Head | None:
    if text is None:
        return None
    try:
        return Head.parse(text)
    except ValueError:
        log.warning("An Airflow Variable %s… does not hold an entry of an audit trail", NAME)
        return None
