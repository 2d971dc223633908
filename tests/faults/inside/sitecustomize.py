"""Loaded by every Python process of the harness's Airflow: points at which tasks can be held, and a shifted clock."""

import patient_database

from tests.faults import clock, points

patient_database.install()
points.install()
clock.install()
