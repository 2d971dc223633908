"""Imports the modules of the tasks once, in the process that all tasks are forked from.

A task is a new process. Where the LocalExecutor forks it from the scheduler, it inherits what the scheduler has
imported; otherwise each task imports about 900 modules, which is most of the time that a small task takes.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

__all__ = ["MODULES", "preload"]

MODULES: Final = (
    # Airflow's own, which it imports in each task.
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.operators.python",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.io",
    # Ours. These import all others that the steps need, but for those that the steps import where they need them.
    "airflow_microsoft_advertising.dags",
    "airflow_microsoft_advertising.alerts.reporting",
    "airflow_microsoft_advertising.run.checks.configuration",
    "airflow_microsoft_advertising.run.context",
    "airflow_microsoft_advertising.run.polling",
    "airflow_microsoft_advertising.run.batches.group",
    "airflow_microsoft_advertising.run.batches.single_task",
    "airflow_microsoft_advertising.run.sizes",
    "airflow_microsoft_advertising.run.task_arguments",
    "airflow_microsoft_advertising.trigger",
    "airflow_microsoft_advertising.lake.azure",
    "customer_match.addresses.customer_ids",
    "customer_match.addresses.engine",
    "customer_match.conditions.row_filter",
    "customer_match.history.plots",
    "customer_match.profiles.segment_lists",
    "customer_match.runs.report_tables",
    "customer_match.storage.azure_names",
    "fsspec.implementations.local",
)


def preload() -> None:
    """Import the modules of the tasks. None of them starts a thread when it is imported, so a fork is safe.

    They take about 160 MB of memory, which the forked processes share.
    """
    for name in MODULES:
        import_module(name)
    import_module("customer_match.addresses.definition").invisible_characters()  # cached; takes 0.1 s
