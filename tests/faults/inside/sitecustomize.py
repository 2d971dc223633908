"""Read by every Python of the harness's Airflow as it starts: makes the points known at which tasks can be held."""

from tests.faults.points import install

install()
