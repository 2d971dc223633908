"""Reads the erased members of a workspace for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_microsoft_advertising.erasure.key import read_key
from customer_match.erasure.register import Register

if TYPE_CHECKING:
    from customer_match.erasure.register import Erased
    from customer_match.workspace.workspace import Workspace

__all__ = ["read_erased"]


def read_erased(workspace: Workspace, since: int = 0) -> Erased | None:
    """Read the erased members.

    Args:
        workspace: The workspace.
        since: Number of the register that is known already.

    Returns:
        The erased members; None if the register has not grown since then. Then the key is not needed.

    Raises:
        ConfigurationError: The register is damaged, or its key is missing or another one.
        TransientError: The workspace or Airflow cannot answer now.
    """
    register = Register(workspace)
    return register.read(read_key) if register.number > since else None
