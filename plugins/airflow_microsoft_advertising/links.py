"""Links from tasks to the pages of Microsoft Advertising."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

__all__ = ["AudienceLink", "audiences_url"]


class AudienceLink(BaseOperatorLink):
    """From an upload to its audience. Airflow asks for it where the task has just ended, and keeps it."""

    name = "Audience at Microsoft Advertising"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 (Airflow's signature)
        """The link that the operator found; empty if it did not come that far."""
        return getattr(operator, "audience_url", None) or ""


def audiences_url(*, customer_id: str, account_id: str, base_url: str | None) -> str:
    """The page that lists an account's audiences.

    Args:
        customer_id: Customer (cid).
        account_id: Account (aid).
        base_url: Of another host than Microsoft's: its own page.
    """
    if base_url:
        return base_url
    # The parameters cid and aid are documented (Customer Insights' export page); the path is assumed.
    return f"https://ui.ads.microsoft.com/campaign/vnext/audiences?cid={customer_id}&aid={account_id}"
