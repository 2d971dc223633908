"""Links from tasks to pages of Microsoft Advertising."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

__all__ = ["AudienceLink", "audiences_url"]


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
