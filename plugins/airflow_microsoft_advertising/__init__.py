"""Airflow's face of the project: hook, operators, triggers, connection form, command line."""
