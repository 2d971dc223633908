"""The page of the ledgers of one export: what is known of the members of each audience, in words.

Only this page opens ledgers, because a user asks for it; files of members are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.web.reports import UPLOAD, workspace_of
from airflow_microsoft_advertising.web.templates import render
from customer_match.ledger.lease import Lease
from customer_match.ledger.lookup import Ledgers
from customer_match.ledger.store import ledger_folder
from customer_match.ledger.summary import Summary, summarise

if TYPE_CHECKING:
    from airflow.serialization.definitions.dag import SerializedDAG

    from airflow_microsoft_advertising.web.listing import ListedExport
    from airflow_microsoft_advertising.web.templates import Frame

__all__ = ["KnownLedgers", "ledgers_html", "ledgers_of"]

_MOST: Final = 50
"""How many ledgers the page opens: each takes a few small reads."""


@dataclass(frozen=True)
class KnownLedgers:
    """The ledgers of an export.

    Attributes:
        summaries: One for each audience.
        left_out: How many further audiences the export has.
    """

    summaries: Sequence[Summary]
    left_out: int = 0


def ledgers_of(dag: SerializedDAG, export: ListedExport, now: datetime) -> KnownLedgers:
    """Summarise the ledgers of the audiences that the last runs of an export worked on.

    Raises:
        CustomerMatchError: The workspace cannot be read.
    """
    workspace, audiences = workspace_of(dag), export.overview.audiences if export.overview else ()
    if workspace is None:
        return KnownLedgers(())
    account = str(getattr(dag.task_dict[UPLOAD], "account_id", ""))
    found = []
    for name in [one.audience for one in audiences][:_MOST]:
        lease = Lease(workspace, ledger_folder(account, name), audience=name, holder="").current()
        ledgers, busy = Ledgers(workspace, account), lease.holder if lease else None
        found.append(summarise(ledgers, name, export=export.dag_id, busy=busy, now=now, read_members=False))
    return KnownLedgers(found, max(0, len(audiences) - _MOST))


def ledgers_html(export: ListedExport, known: KnownLedgers, frame: Frame) -> str:
    """Render the page."""
    return render("ledgers.html.j2", frame, export=export, known=known, moment=_moment)


def _moment(text: str) -> datetime:
    """A time of a summary, which is ISO 8601."""
    return datetime.fromisoformat(text)
