"""How many segments one run of a DAG may have: Airflow's limit of mapped tasks, met before Airflow does.

Airflow's api-server refuses a longer list with HTTP 400 once the task has ended, which the task then takes for a
passing trouble and tries again (observed: Airflow 3.3.2).
"""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowFailException

__all__ = ["check_count"]


def check_count(segments: int) -> None:
    """Let a run begin if all of its segments can be mapped.

    Raises:
        AirflowFailException: There are more than `[core] max_map_length`.
    """
    from airflow.sdk.configuration import conf  # noqa: PLC0415 (in tasks alone)

    limit = conf.getint("core", "max_map_length", fallback=1024)
    if segments > limit:
        raise AirflowFailException(
            f"The run has {segments:,} segments, and Airflow maps a task over {limit:,} at most: its setting [core] "
            f"max_map_length. Raise it for the api-server and the workers (AIRFLOW__CORE__MAX_MAP_LENGTH={segments}), "
            "divide the export into several files, or choose fewer segments when you trigger the run. `customer-match "
            "run` has no such limit."
        )
