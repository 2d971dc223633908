"""Sends alerts with Airflow's notifiers, and ends runs that could not make their report."""
