"""Finds exports, their workspaces and their histories, for commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_microsoft_advertising.cli.output import logs_on_stderr
from customer_match.project import exports_folder

if TYPE_CHECKING:
    import pyarrow as pa

    from customer_match.export.model import Export
    from customer_match.workspace.workspace import Workspace

__all__ = ["chosen_exports", "open_workspace", "read_history"]


def chosen_exports(name: str | None) -> list[Export]:
    """Find one export, or all valid ones.

    Args:
        name: The export; None: all.

    Raises:
        ConfigurationError: There is no export of this name, or its file is not valid.
    """
    from airflow_microsoft_advertising.cli.exports import find_export  # noqa: PLC0415 - keeps --help quick
    from customer_match.export.loading import BrokenExport, load_exports  # noqa: PLC0415

    if name is not None:
        return [find_export(name)]
    return [export for export in load_exports(exports_folder()) if not isinstance(export, BrokenExport)]


@logs_on_stderr()
def open_workspace(export: Export) -> Workspace:
    """Open the workspace of an export, with Airflow's connections."""
    from airflow_microsoft_advertising.cli.airflow_settings import airflow_connections  # noqa: PLC0415 - as above
    from airflow_microsoft_advertising.lake.workspaces import workspace_of_export  # noqa: PLC0415

    with airflow_connections():
        return workspace_of_export(export)


@logs_on_stderr()
def read_history(export: Export, runs: int) -> pa.Table:
    """Read the newest runs of an export."""
    from customer_match.history.table import History  # noqa: PLC0415 - as above

    return History(open_workspace(export), export.name).read(runs=runs)
