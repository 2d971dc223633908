"""Decisions on what guards have found: kept in the workspace, and then Airflow lets the run go on."""
