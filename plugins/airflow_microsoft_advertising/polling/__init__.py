"""Polling of uploads in the triggerer, without Airflow's classes."""
