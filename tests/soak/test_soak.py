"""A few rounds of a soak, and tests that it detects errors. `make soak` runs fifty runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from customer_match.ledger.store import Ledger, ledger_folder
from customer_match.members.files import write_members
from tests.microsoft_advertising_simulator.api import hexes
from tests.soak.plan import Mischief, Round, Shape, Trick
from tests.soak.playing import Summary, soak
from tests.soak.processes import start_run
from tests.soak.world import EXPORT, World

pytestmark = [pytest.mark.faults, pytest.mark.system, pytest.mark.timeout(600)]


@pytest.mark.lengthy
@pytest.mark.usefixtures("airflow_db")
def test_a_few_runs_are_exact(tmp_path: Path) -> None:
    outcomes: list[str] = []
    summary = soak(3, 4, tmp_path / "world", seconds=240, tell=outcomes.append)
    assert summary.exact, str(summary)
    assert 2 <= summary.runs <= 5
    assert summary.good >= 1
    assert summary.requests > 20
    assert len(outcomes) >= 1
    assert re.search(r"^exact     yes$", str(summary), re.MULTILINE)


def test_the_summary_lists_errors() -> None:
    summary = Summary(7, 50, ("Alpha",), faults=Counter({"500": 3, "503": 0}), wrong=["Alpha: 2 lists"])
    assert not summary.exact
    lines = str(summary).splitlines()
    assert "seed      7" in lines
    assert "faults    3 (500: 3)" in lines
    assert lines[-2:] == ["exact     no", "Alpha: 2 lists"]


# --- Detection of errors -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, airflow_db: Path) -> Iterator[World]:
    """A world after one successful run."""
    with World(tmp_path_factory.mktemp("soak") / "world", ("Alpha", "Beta")) as made:
        made.export({"route": "bulk"})
        run = start_run(["run", EXPORT, "--json"], made.settings, made.folder / "runs")
        assert run.wait(120) == 0, run.log.read_text()
        made.wait_until_quiet()
        assert made.bound_violations() == made.audience_errors("Alpha") == made.audience_errors("Beta") == []
        yield made


def list_of(world: World, name: str) -> str:
    [found] = [a for a in world.service.api.control("audiences") if a["name"] == name and not a["deleted"]]
    return str(found["id"])


def test_an_unknown_member_is_detected(world: World) -> None:
    stranger = hexes([1])
    world.service.api.apply(list_of(world, "Alpha"), "Add", stranger)
    assert world.bound_violations() == ["Alpha: 1 members of the audience are not among the possible ones"]
    assert world.audience_errors("Alpha") == ["Alpha: 0 members are missing, 1 should have left"]
    world.service.api.apply(list_of(world, "Alpha"), "Remove", stranger)
    assert world.bound_violations() == []


def test_a_missing_member_is_detected(world: World) -> None:
    lost = world.service.api.members(list_of(world, "Alpha"))[:2]
    world.service.api.apply(list_of(world, "Alpha"), "Remove", lost)
    assert re.fullmatch(r"Alpha: 2 of \d+ certain members are not in the audience", *world.bound_violations())
    assert world.audience_errors("Alpha") == ["Alpha: 2 members are missing, 0 should have left"]
    world.service.api.apply(list_of(world, "Alpha"), "Add", lost)


def test_a_ledger_that_lost_data_is_detected(world: World) -> None:
    ledger = Ledger(world.workspace, ledger_folder("180000001", "Beta"), "Beta")
    entry = ledger.load()
    nobody = write_members(world.workspace, "nobody", [])
    settled = entry.state.settled.model_copy(update={"certain": nobody})
    entry = ledger.write(entry, entry.state.model_copy(update={"settled": settled}))
    assert world.bound_violations() == []
    assert world.audience_errors("Beta") == ["Beta: the ledger does not know it"]


@pytest.mark.parametrize("kind", [Mischief.RESTORE, Mischief.LOSE_STATES])
def test_a_restored_ledger_is_not_trusted(world: World, kind: Mischief) -> None:
    """The restored ledger is not trusted, and a run corrects it."""
    world.keep_copies()
    shapes = dict.fromkeys(world.segments, Shape.PARQUET)
    world.change_tables(Round({"Alpha": 0.2, "Beta": 0.0}, {"Alpha": 1.0, "Beta": 1.0}, shapes, trick=None))
    run = start_run(["run", EXPORT, "--json"], world.settings, world.folder / f"runs-{kind}")
    assert run.wait(120) == 0, run.log.read_text()
    assert world.apply(Trick(kind, "Alpha"))
    assert world.bound_violations() == []
    run = start_run(["run", EXPORT, "--json"], world.settings, world.folder / f"more-{kind}")
    assert run.wait(120) == 0, run.log.read_text()
    assert world.bound_violations() == world.audience_errors("Alpha") == []


def test_a_second_list_is_detected(world: World) -> None:
    second = world.service.api.create("Another")
    world.service.api.control(f"audiences/{second}", {"name": "Gone"})
    world.segments = ("Alpha", "Beta", "Gone")
    assert world.apply(Trick(Mischief.LOSE_LEDGER, "Gone")) is False, "there is no ledger to lose"
    world.service.api.control(f"audiences/{second}", {"deleted": True})
    world.service.api.create("Gone")
    assert world.bound_violations() == ["Gone: 1 lists, 2 ever"]
