"""More segments than Airflow maps: said with the number, the setting, and the ways out."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.map_length import check_count


def test_as_many_as_airflow_maps() -> None:
    check_count(1024, 5000)


@pytest.mark.bad_input
def test_one_more_says_how_to_go_on() -> None:
    with pytest.raises(AirflowFailException) as caught:
        check_count(1025, 5000)
    for words in (
        "5,000 segments",
        "1,025 mapped tasks",
        "1,024 at most",
        "segments_per_task",
        "max_map_length",
        "AIRFLOW__CORE__MAX_MAP_LENGTH=1025",
    ):
        assert words in str(caught.value)


def test_as_many_segments_as_the_setting_allows_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "5000")
    check_count(5000, 5000)
    with pytest.raises(AirflowFailException, match="5,001 segments"):
        check_count(5001, 5001)
