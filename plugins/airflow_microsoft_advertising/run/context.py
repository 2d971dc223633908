"""What a run of an export takes from the context of an Airflow task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.run.export_run import ExportRun
from customer_match.export.segments import Ending
from customer_match.runs.states import RunKind

if TYPE_CHECKING:
    from airflow.sdk import Context

    from customer_match.export.model import Export

__all__ = ["kind_of", "lease_holder", "run_of"]

_KINDS: Final[Mapping[str, RunKind]] = {
    "scheduled": RunKind.SCHEDULED,
    "manual": RunKind.MANUAL,
    "backfill": RunKind.BACKFILL,
    "asset_triggered": RunKind.ASSET,
    "asset_materialization": RunKind.ASSET,
    "operator_triggered": RunKind.OTHER_DAG,
}
"""By Airflow's `DagRunType`."""

_ENDINGS: Final[Mapping[str, Ending]] = {"empty": "empty", "delete": "delete"}
"""By the value of the parameter; `none` is no ending."""


def kind_of(run_type: str) -> RunKind | None:
    """What started a run, by Airflow's type of the run; None if it is a type that a newer Airflow has added."""
    return _KINDS.get(run_type)


def run_of(export: Export, context: Context) -> ExportRun:
    """Return the run that a task of an export's DAG belongs to.

    A manual run without data interval uses its due time. The interval of a partition of assets is its start.
    """
    dag_run, chosen = context["dag_run"], context["params"]
    partition = getattr(dag_run, "partition_date", None)  # the context of a failed run may lack it
    return ExportRun(
        export=export,
        run_id=dag_run.run_id,
        interval_end=dag_run.data_interval_end or partition or dag_run.run_after,
        full=chosen["mode"] == "full",
        dry_run=chosen["dry_run"],
        ignore_guards=chosen["ignore_guards"],
        ending=_ENDINGS.get(chosen.get("ending", "none")),  # runs of version 0.1.0 do not have it
        force=chosen["force"],
        began=dag_run.start_date,
        interval_start=dag_run.data_interval_start,
        logical_date=dag_run.logical_date or partition,
        follows_data=kind_of(dag_run.run_type) is RunKind.ASSET and dag_run.data_interval_end is None,
        kind=kind_of(dag_run.run_type),
        ordered_by=dag_run.triggering_user_name,
        on_page=True,
    )


def lease_holder(context: Context) -> str:
    """Return the name of the task's run as holder of leases: all tasks and tries of one run are the same holder."""
    dag_run = context["dag_run"]
    return f"{dag_run.dag_id} / {dag_run.run_id}"
