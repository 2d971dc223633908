"""Brings an audience to its target. The only package that uses both the ledger and the service; free of Airflow."""
