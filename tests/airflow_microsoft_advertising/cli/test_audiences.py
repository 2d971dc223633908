"""`customer-match audiences` against the simulator: what it lists, and what it deletes only if it is meant."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.models import Connection
from airflow.utils.session import create_session
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.audiences import _as_text
from airflow_microsoft_advertising.cli.main import app, main
from customer_match.errors import ConfigurationError
from customer_match.export.segments import segment_key
from customer_match_demo.stack import account_connection
from microsoft_advertising.models import Audience
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.microsoft_advertising_simulator.api import Simulator, hexes

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("airflow_db")]


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["audiences", *arguments], input=answer)


@pytest.fixture
def lists(simulator: Simulator) -> Iterator[dict[str, str]]:
    """Ours, one of an old mark, and a foreign one, by kind; the session's simulator has others too."""
    unique = uuid.uuid4().hex[:8]
    made = {
        "ours": ("Gold", f"Words. [customer-match:{segment_key('autumn', 'Gold')}]"),
        "old": ("Silver", "[customer-match:autumn]"),
        "foreign": ("By hand", "Words."),
    }
    ids = {
        kind: simulator.api.create(f"{name} {unique}", Description=description)
        for kind, (name, description) in made.items()
    }
    yield ids
    for audience_id in ids.values():
        simulator.api.campaign("Audiences", {"AudienceIds": [audience_id]}, "DELETE")


def listed(*arguments: str) -> dict[str, dict[str, Any]]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    return {record["id"]: record for record in json.loads(result.stdout)["audiences"]}


def test_audiences_are_listed_with_export_and_sizes(simulator: Simulator, lists: dict[str, str]) -> None:
    simulator.api.apply(lists["ours"], "Add", hexes(range(400)))
    before = simulator.api.control("settings")
    found = listed()
    assert {kind: found[id_]["export"] for kind, id_ in lists.items()} == {
        "ours": "autumn",
        "old": "autumn",
        "foreign": None,
    }
    assert found[lists["ours"]] | {"name": ""} == {
        "id": lists["ours"], "name": "", "export": "autumn", "scope": "Customer", "membership_duration": -1,
        "search_size": None, "network_size": None, "readiness": "not known yet",
    }  # fmt: skip
    simulator.api.control("settings", {"size_delay_seconds": 0})
    found = listed()
    assert (found[lists["ours"]]["search_size"], found[lists["ours"]]["readiness"]) == (400, "ready")
    assert found[lists["foreign"]]["readiness"] == "too small"
    lines = run().stdout.splitlines()
    simulator.api.control("settings", before)
    assert lines[0].split() == ["id", "name", "export", "scope", "days", "search", "network", "readiness"]
    [line] = [line for line in lines if line.startswith(lists["ours"])]
    assert line.split()[-6:] == ["autumn", "Customer", "unlimited", "400", "400", "ready"]
    [line] = [line for line in lines if line.startswith(lists["foreign"])]
    assert "not ours" in line


def test_the_table_keeps_ids_and_days_unchanged_and_marks_unknown_values() -> None:
    """A column of counts in which some are missing must not turn 30 days into 30.0."""
    known = Audience("007", "[bold]Gold", membership_duration=30, search_size=1_234_567, network_size=0)
    unknown = Audience("8", "用户 <b>")
    assert _as_text([known, unknown]).splitlines() == [
        "id   name        export    scope     days     search  network  readiness",
        "007  [bold]Gold  not ours  Customer  30    1,234,567        0  too small",
        "8    用户 <b>    not ours  Customer  ?             ?        ?  not known yet",
    ]


def test_deleting_asks_first(simulator: Simulator, lists: dict[str, str]) -> None:
    refused = run("--delete", lists["ours"], answer="n\n")
    assert refused.exit_code == 1
    assert lists["ours"] in listed()
    accepted = run("--delete", lists["ours"], "--delete", lists["old"], answer="y\n")
    assert accepted.exit_code == 0
    assert f"(id {lists['ours']})" in accepted.stderr
    assert {lists["ours"], lists["old"]}.isdisjoint(listed())


def test_deleting_without_confirmation(lists: dict[str, str]) -> None:
    result = run("--delete", lists["ours"], "--yes", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"deleted": [lists["ours"]]}
    assert lists["ours"] not in listed()


@pytest.mark.bad_input
def test_an_audience_of_no_export_is_deleted_only_with_the_option(lists: dict[str, str]) -> None:
    refused = run("--delete", lists["ours"], "--delete", lists["foreign"], "--yes")
    assert isinstance(refused.exception, ConfigurationError)
    assert "add --not-ours" in str(refused.exception)
    assert set(lists.values()) <= set(listed()), "nothing is deleted, not even what might be"
    assert run("--delete", lists["foreign"], "--yes", "--not-ours").exit_code == 0
    assert lists["foreign"] not in listed()


@pytest.mark.bad_input
def test_an_unknown_id_deletes_nothing(lists: dict[str, str]) -> None:
    result = run("--delete", lists["ours"], "--delete", "4711", "--yes")
    assert "no audience with the id 4711" in str(result.exception)
    assert lists["ours"] in listed()


@pytest.mark.bad_input
def test_an_audience_that_a_campaign_uses_is_kept_with_advice(
    simulator: Simulator, lists: dict[str, str]
) -> None:
    simulator.api.control(f"audiences/{lists['ours']}", {"associated": True})
    result = run("--delete", lists["old"], "--delete", lists["ours"], "--yes")
    assert f"(id {lists['old']})" in result.stderr, "what is done is told, whatever comes after it"
    assert "Remove the audience from its campaigns" in str(result.exception)
    simulator.api.control(f"audiences/{lists['ours']}", {"associated": False})


@pytest.mark.bad_input
def test_a_missing_connection_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["customer-match", "audiences", "--connection", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "There is no Airflow connection 'nowhere'" in capsys.readouterr().err


def test_a_connection_in_the_metadata_database(simulator: Simulator, connect: Connect) -> None:
    """Where users enter them; the Task SDK alone does not read it."""
    fields = account_connection(simulator.ready)
    conn_id = f"stored_{uuid.uuid4().hex[:8]}"
    with create_session() as session:
        session.add(Connection(conn_id=conn_id, **fields | {"extra": json.dumps(fields["extra"])}))
    assert run("--connection", conn_id, "--json").exit_code == 0
    other = run("--connection", conn_id, "--aid", "5")
    assert "account 5" in str(other.exception)
