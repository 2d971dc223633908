"""Runs of exports under a real Airflow, measured from outside."""
