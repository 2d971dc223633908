"""The DAG that checks the deadlines of the exports of a folder.

It is not part of their DAGs: a deadline has to be noticed, too, if an export is paused or nothing has started it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from airflow_microsoft_advertising.alerts.timetable import DeadlineTimetable
from customer_match.export.model import Export

__all__ = ["deadline_dag"]


def deadline_dag(name: str, exports: Sequence[Export]) -> DAG:
    """Make the DAG.

    Args:
        name: Its id.
        exports: The exports that have a deadline.
    """
    with DAG(
        dag_id=name,
        description="Checks whether the audiences are up to date, and sends alerts if they are not",
        schedule=DeadlineTimetable.of(exports),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,  # whatever Airflow's setting: a deadline that nobody checks is none
        tags=["customer match deadlines"],
        default_args={"owner": "airflow", "retries": 0},
    ) as made:

        @task(show_return_value_in_logs=False)
        def check() -> None:
            """Check each export whose deadline is in the data interval. An alert that is not sent is sent later."""
            from airflow_microsoft_advertising.alerts.deadlines import (  # noqa: PLC0415 (DAG files import this module)
                check_deadline,
                last_due,
            )
            from airflow_microsoft_advertising.run.export_run import ExportRun  # noqa: PLC0415

            dag_run = get_current_context()["dag_run"]
            end = dag_run.data_interval_end or dag_run.run_after
            start = dag_run.data_interval_start or end
            found = {one.name: last_due(one, start, end) for one in exports}
            for export in exports:
                if due := found[export.name]:
                    run = ExportRun(export=export, run_id=dag_run.run_id, interval_end=due.moment)
                    check_deadline(run, due)
            if not any(found.values()):
                raise AirflowSkipException("No export has a deadline in the data interval of this run.")

        check()
    return made
