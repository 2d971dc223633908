"""The storage folder for ledgers, staged members and reports, on a local disk or in Azure storage."""

from customer_match.safe_names import join, slug
from customer_match.workspace.workspace import Workspace

__all__ = ["Workspace", "join", "slug"]
