"""What a run's steps learn from Airflow."""

from __future__ import annotations

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.utils.types import DagRunType as ServerDagRunType

from airflow_microsoft_advertising.run.context import kind_of
from customer_match.runs.states import RunKind


@pytest.mark.parametrize("known", [*DagRunType, *ServerDagRunType])
def test_every_type_of_run_that_airflow_knows(known: DagRunType | ServerDagRunType) -> None:
    assert kind_of(known) is not None
    assert kind_of(known.value) is kind_of(known)


def test_a_type_of_a_newer_airflow() -> None:
    assert kind_of("from_the_future") is None
    assert kind_of("backfill") is RunKind.BACKFILL
