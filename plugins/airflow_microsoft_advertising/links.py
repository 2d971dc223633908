"""Links from tasks to pages of Microsoft Advertising, and to reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

__all__ = [
    "PAGES",
    "AudienceLink",
    "ReportLink",
    "airflow_url",
    "audiences_url",
    "export_url",
    "report_path",
    "report_url",
]

PAGES: Final = "/customer-match"
"""Where the API server mounts the pages of this project."""


class AudienceLink(BaseOperatorLink):
    """The link from an upload task to its audience. Airflow stores it when the task ends."""

    name = "Audience at Microsoft Advertising"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 (Airflow's signature)
        """Return the link that the operator has set; empty if the task ended earlier."""
        return getattr(operator, "audience_url", None) or ""


def audiences_url(*, customer_id: str, account_id: str, base_url: str | None) -> str:
    """Return the URL of the page that lists an account's audiences.

    Args:
        customer_id: Customer (cid).
        account_id: Account (aid).
        base_url: Base URL of another host than Microsoft's; the link then opens its page. None: Microsoft's page.
    """
    if base_url:
        return base_url
    # The parameters cid and aid are documented (Customer Insights' export page); the path is assumed.
    return f"https://ui.ads.microsoft.com/campaign/vnext/audiences?cid={customer_id}&aid={account_id}"


class ReportLink(BaseOperatorLink):
    """The link from the task `report` to the report of its run. Airflow stores it when the task ends."""

    name = "Report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 (Airflow's signature)
        """Return the link; it is valid in the Airflow that shows it, whatever its address is."""
        return report_path(ti_key.dag_id, ti_key.run_id)


def report_path(dag_id: str, run_id: str) -> str:
    """Return the address of a run's report in Airflow, without the host."""
    return urlsplit(airflow_url()).path.rstrip("/") + _page(dag_id, run_id)


def report_url(dag_id: str, run_id: str) -> str | None:
    """Return the address of a run's report; None if `[api] base_url` does not say where Airflow is."""
    address = airflow_url()
    return address + _page(dag_id, run_id) if address else None


def export_url(dag_id: str) -> str | None:
    """Return the address of the page of an export; None if `[api] base_url` does not say where Airflow is."""
    address = airflow_url()
    return f"{address}{PAGES}/exports/{quote(dag_id, safe='')}" if address else None


def _page(dag_id: str, run_id: str) -> str:
    return f"{PAGES}/reports/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"


def airflow_url() -> str:
    """Return the address of Airflow's pages by its settings, without a slash at the end; empty if they do not say."""
    from airflow.configuration import conf  # noqa: PLC0415 (where a link is made only)

    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
