"""The note of a run: the summary of its report, with links to the report and to the audiences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.links import audiences_url, report_path
from customer_match.redaction import logger

if TYPE_CHECKING:
    from airflow_microsoft_advertising.run.export_run import ExportRun

__all__ = ["note_of", "with_links"]

log = logger(__name__)

_LINK: Final = "[{name}]({url})"
"""In Markdown, as Airflow's page shows notes."""


def note_of(run: ExportRun, summary: str) -> str:
    """Return the note: the summary with the links."""
    return with_links(summary, run.export.name, run.run_id, audiences=_audiences(run))


def with_links(summary: str, dag_id: str, run_id: str, *, audiences: str | None = None) -> str:
    """Add links to a summary, in its first line, because Airflow cuts off long notes.

    Args:
        summary: What to say about the run.
        dag_id: The run's DAG.
        run_id: The run, which has a report.
        audiences: Address of the page of the audiences; None: no link to it.
    """
    line, _, rest = summary.partition("\n")
    targets = {"Report": report_path(dag_id, run_id), "Audiences at Microsoft Advertising": audiences}
    links = [_LINK.format(name=name, url=url) for name, url in targets.items() if url]
    return "\n".join(part for part in (f"{line} {' · '.join(links)}", rest) if part)


def _audiences(run: ExportRun) -> str | None:
    try:
        base_url = run.hook.environment().token_host
    except Exception as error:  # noqa: BLE001 (a report without a link is better than none)
        log.warning("The note has no link to the audiences: %s", error)
        return None
    return audiences_url(customer_id=run.export.cid, account_id=run.export.aid, base_url=base_url)
