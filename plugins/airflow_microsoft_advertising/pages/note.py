"""The note of a run: the summary of its report, with a link to its audiences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.links import audiences_url
from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun

__all__ = ["note_of"]

log = logger(__name__)

_LINK: Final = "{line} [Audiences at Microsoft Advertising]({url})"
"""In Markdown, as Airflow's page shows notes."""


def note_of(run: ExportRun, summary: str) -> str:
    """Return the note: the link is in the first line, because Airflow cuts off long notes."""
    line, _, rest = summary.partition("\n")
    if url := _url(run):
        line = _LINK.format(line=line, url=url)
    return "\n".join(part for part in (line, rest) if part)


def _url(run: ExportRun) -> str | None:
    try:
        base_url = run.hook.environment().token_host
    except Exception as error:  # noqa: BLE001 (a report without a link is better than none)
        log.warning("The note has no link to the audiences: %s", error)
        return None
    return audiences_url(customer_id=run.export.cid, account_id=run.export.aid, base_url=base_url)
