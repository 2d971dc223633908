"""Checks the number of a run's segments against Airflow's limit of mapped tasks.

Airflow's api-server refuses a longer list with HTTP 400 only after the task has ended. The task then treats this as a
temporary error and retries (observed: Airflow 3.3.2).
"""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowFailException

__all__ = ["check_count"]


def check_count(segments: int) -> None:
    """Check that all segments of a run can be mapped.

    Raises:
        AirflowFailException: There are more segments than `[core] max_map_length`.
    """
    from airflow.sdk.configuration import conf  # noqa: PLC0415 (in tasks only)

    limit = conf.getint("core", "max_map_length", fallback=1024)
    if segments > limit:
        raise AirflowFailException(
            f"The run has {segments:,} segments, but Airflow maps a task over {limit:,} at most (setting [core] "
            f"max_map_length). Raise it for the api-server and the workers (AIRFLOW__CORE__MAX_MAP_LENGTH={segments}), "
            "split the export into several files, or choose fewer segments when you trigger the run. `customer-match "
            "run` has no such limit."
        )
