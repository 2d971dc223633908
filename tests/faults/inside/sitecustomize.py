"""Read by every Python of the harness's Airflow as it starts: points at which tasks can be held, another clock."""

import patient_database

from tests.faults import clock, points

patient_database.install()
points.install()
clock.install()
