"""The DAG `customer_match_forget`: erases the people of a file, and completes requests that are pending."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import DAG, Param, get_current_context, task

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["DAG_ID", "erasure_dag"]

DAG_ID: Final = "customer_match_forget"

_DOCUMENTATION: Final = """\
Erases people from all audiences of all exports, and keeps them out of later runs, as `customer-match forget` does.

1. `receive` reads the file with addresses or SHA-256 hashes, one per line, and removes these people. It keeps neither:
   **delete the file afterwards**. Without a file, this task is skipped.
2. `complete` completes all requests that are pending, for example because a run held an audience. As long as one is
   pending, it is tried again; its log and the evidence in the workspace (`erasure/requests/`) say why.
"""

# Tasks import their steps themselves: DAG files are parsed every few seconds, and the steps import large libraries.


def erasure_dag(*, schedule: str | None = None, retries: int = 12) -> DAG:
    """Make the DAG that erases people.

    In a DAG file: `dag = erasure_dag(schedule="@daily")`.

    Args:
        schedule: When to complete pending requests; None: only when the DAG is triggered.
        retries: How often `complete` is tried again, after half an hour each.
    """
    with DAG(
        dag_id=DAG_ID,
        dag_display_name="Forget people",
        description="Erases people from all audiences, and keeps them out.",
        schedule=schedule,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        doc_md=_DOCUMENTATION,
        tags=["erasure"],
        params=_params(),
    ) as dag:
        receive() >> complete.override(retries=retries)()
    dag.fileloc = sys._getframe(1).f_code.co_filename  # noqa: SLF001 (the DAG file, not this module)
    return dag


def _params() -> dict[str, Param]:
    return {
        "file": Param(
            None,
            type=["null", "string"],
            title="File",
            description="Text file with one address or SHA-256 hash per line: abfs://container/path, or a path on the "
            "workers. Never the addresses themselves. Empty: only complete pending requests.",
        ),
        "connection": Param(
            None,
            type=["null", "string"],
            title="Connection",
            description="Id of the Airflow connection of the storage. Empty for a path on the workers.",
        ),
    }


@task(retries=2, retry_delay=timedelta(minutes=1))
def receive() -> list[dict[str, Any]]:
    """Carry out the request of the file. What cannot be done now is left to `complete`."""
    from airflow_microsoft_advertising.erasure.tasks import receive_file  # noqa: PLC0415

    context = get_current_context()
    file, connection = context["params"]["file"], context["params"]["connection"]
    return receive_file(file, connection, run_id=context["run_id"], user=_user(context))


@task(retry_delay=timedelta(minutes=30), trigger_rule="none_failed")
def complete() -> list[dict[str, Any]]:
    """Complete pending requests; fails, to be tried again, as long as one is pending."""
    from airflow_microsoft_advertising.erasure.tasks import complete_requests  # noqa: PLC0415

    context = get_current_context()
    return complete_requests(run_id=context["run_id"], user=_user(context))


def _user(context: Context) -> str | None:
    """The Airflow user who started the run."""
    name: str | None = context["dag_run"].triggering_user_name
    return name
