"""The events of a soak depend only on its seed, and include all kinds of events."""

from __future__ import annotations

import pytest

from microsoft_advertising_simulator.control.injection import FaultRule
from tests.soak.plan import FAULTS, Mischief, Shape, rounds, segments

MANY = [(seed, one) for seed in range(40) for one in rounds(seed, 50)]


@pytest.mark.parametrize("seed", [0, 7, 4711])
def test_a_seed_repeats_a_soak(seed: int) -> None:
    assert list(rounds(seed, 50)) == list(rounds(seed, 50))
    assert list(rounds(seed, 50)) != list(rounds(seed + 1, 50))


@pytest.mark.parametrize("runs", [1, 2, 12, 50])
def test_the_number_of_runs_is_as_requested(runs: int) -> None:
    for seed in range(20):
        assert sum(len(one.runs) for one in rounds(seed, runs)) == runs


def test_the_short_form_is_the_start_of_a_long_one() -> None:
    short = list(rounds(3, 12))
    assert list(rounds(3, 50))[: len(short) - 1] == short[:-1]


def test_every_kind_of_event_occurs() -> None:
    assert {name for _, one in MANY for name in one.faults} == set(FAULTS)
    assert {one.trick.kind for _, one in MANY if one.trick} == set(Mischief)
    assert {shape for _, one in MANY for shape in one.shapes.values()} == set(Shape)
    assert {len(segments(seed)) for seed, _ in MANY} == {2, 3, 4}
    assert {len(one.runs) for _, one in MANY} == {1, 2}
    assert {one.keys["route"] for _, one in MANY} == {"auto", "bulk", "apply"}
    runs = [run for _, one in MANY for run in one.runs]
    killed = [run for run in runs if run.killed_after is not None]
    assert 0.2 < len(killed) / len(runs) < 0.5
    assert {run.interrupted for run in killed} == {False, True}
    assert {run.in_batch for run in killed} == {False, True}
    assert {run.arguments for run in runs} >= {(), ("--full",), ("--date", "2020-01-01")}
    assert 0.05 < sum(one.service_killed_after is not None for _, one in MANY) / len(MANY) < 0.3


def test_only_segments_of_the_soak_change() -> None:
    assert all(
        set(one.churn) == set(one.sizes) == set(one.shapes) == set(segments(seed)) for seed, one in MANY
    )
    assert all(one.trick is None or one.trick.segment in segments(seed) for seed, one in MANY)


@pytest.mark.parametrize("name", FAULTS)
def test_the_simulator_knows_each_fault(name: str) -> None:
    rule = FaultRule.model_validate({**FAULTS[name], "seed": 1})
    assert rule.times, "a fault without limit would let no run succeed"
