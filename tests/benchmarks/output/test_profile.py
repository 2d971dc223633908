"""The profile is made of the cases of stages."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.output.profile import Share, profile, profile_table


def stage(name: str, cpu: float, limit: float, n: int = 1_000) -> dict[str, Any]:
    return {"name": f"stage-{name}", "n": n, "cpu_seconds": cpu, "baseline_cpu_seconds": limit}


STAGES = [
    stage("read", 0.001, 0.0005),
    stage("judge", 0.005, 0.001),
    stage("distinct", 0.001, 0.001),
    stage("parts", 0.001, 0.0),
    stage("write", 0.002, 0.001),
    stage("difference", 0.009, 0.001),
]


def test_hashing_is_told_from_the_rest_of_judging() -> None:
    shares = profile(STAGES, 1_000)
    assert [share.stage for share in shares] == [
        "read",
        "normalise and judge",
        "hash",
        "distinct",
        "parts",
        "write",
    ]
    assert sum(share.of_all for share in shares) == pytest.approx(1)
    judged = shares[1]
    assert (judged.stage, judged.ours, judged.of_all, judged.limit) == (
        "normalise and judge",
        pytest.approx(4_000),
        pytest.approx(0.4),
        None,
    )


def test_there_is_none_if_a_stage_was_not_measured() -> None:
    assert profile(STAGES[1:], 1_000) == []
    assert profile(STAGES, 2_000) == []


def test_the_table_shows_what_is_known() -> None:
    assert profile_table([Share("read", 104.4, 0.123, 166.0, None)])[2:] == ["| read | 104 | 12% | 166 | – |"]
