"""Read by every Python of the harness's Airflow as it starts: points at which tasks can be held, another clock."""

from tests.faults import clock, points

points.install()
clock.install()
