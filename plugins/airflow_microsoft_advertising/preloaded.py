"""Imports the modules of the tasks when it is imported: for Celery workers, which fork tasks from their own processes.

A worker imports it when it starts, if `AIRFLOW__CELERY__EXTRA_CELERY_CONFIG` names it, as docker-compose.yaml does. A
scheduler with the LocalExecutor needs no setting; see `listener.py`.
"""

from __future__ import annotations

from airflow_microsoft_advertising.preload import preload

preload()
