"""Checks the number of a run's groups of segments against Airflow's limit of mapped tasks.

Airflow's api-server refuses a longer list with HTTP 400 only after the task has ended. The task then treats this as a
temporary error and retries (observed: Airflow 3.3.2).
"""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowFailException

__all__ = ["check_count"]


def check_count(groups: int, segments: int) -> None:
    """Check that all groups of a run's segments can be mapped.

    Args:
        groups: Number of groups, each with tasks of its own.
        segments: Number of segments in them.

    Raises:
        AirflowFailException: There are more groups than `[core] max_map_length`.
    """
    from airflow.sdk.configuration import conf  # noqa: PLC0415 (in tasks only)

    limit = conf.getint("core", "max_map_length", fallback=1024)
    if groups > limit:
        raise AirflowFailException(
            f"The {segments:,} segments of this run need {groups:,} mapped tasks, but Airflow maps a task over "
            f"{limit:,} at most (setting [core] max_map_length). Raise `segments_per_task` in the export file, so that "
            "more small segments share tasks; or raise the setting for the api-server and the workers "
            f"(AIRFLOW__CORE__MAX_MAP_LENGTH={groups}); or choose fewer segments when you trigger the run."
        )
