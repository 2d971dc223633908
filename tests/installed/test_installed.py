"""The wheel beside plain Airflow and a foreign project: found, usable by other people's DAGs, and exact."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.installed.conftest import Installation, Project

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

GENERIC = {
    "include",
    "plugins",
    "dags",
    "tests",
    "demo",
    "simulator",
    "sample_lake",
    "live_check",
    "delivery",
}


def test_no_top_level_package_has_a_generic_name(wheel: Path) -> None:
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    packages = {name for name in names if not name.endswith(".dist-info")}
    assert packages & GENERIC == set()
    assert all(name.startswith(("customer_match", "microsoft_advertising", "airflow_")) for name in packages)
    assert "customer_match_demo" not in packages


def test_the_wheel_holds_all_that_is_no_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "customer_match/runs/report.html.j2",
        "microsoft_advertising_simulator/endpoints/overview.html.j2",
        "airflow_microsoft_advertising/example_dags/exports/example_newsletter.yaml",
        "customer_match/py.typed",
    ):
        assert needed in names


def test_airflow_finds_provider_connection_type_and_plugin(project: Project) -> None:
    providers = project.call("airflow", "providers", "list", "--output", "json").stdout
    assert "customer-match-airflow" in {
        one["package_name"] for one in json.loads(providers[providers.index("[") :])
    }
    hooks = project.call("airflow", "providers", "hooks", "--output", "json").stdout
    assert "airflow_microsoft_advertising.hook.MicrosoftAdvertisingHook" in hooks


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "status",
        "history",
        "report",
        "validate",
        "run",
        "reconcile",
        "login",
        "set-up",
        "audiences",
        "sample-lake",
        "ledger",
    ],
)
def test_every_command_starts_without_the_source_tree(project: Project, command: str) -> None:
    done = project.call("customer-match", *([command] if command == "--help" else [command, "--help"]))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_whose_extra_is_missing_names_it(project: Project, tmp_path: Path) -> None:
    done = project.call("customer-match", "simulator", "--port", "0", "--data", tmp_path)
    assert done.returncode != 0
    assert "customer-match-airflow[simulator]" in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_checks_the_examples_export_file(project: Project) -> None:
    done = project.call(
        "customer-match", "validate", project.folder / "dags" / "exports" / "example_newsletter.yaml"
    )
    assert done.returncode == 0, done.stderr
    assert "valid" in done.stdout


def test_the_foreign_project_keeps_its_own_packages(installation: Installation) -> None:
    assert installation.run("foreign") == "success"
    assert installation.api.get("/importErrors")["import_errors"] == []
    plugins = {one["name"]: one for one in installation.api.get("/plugins")["plugins"]}
    assert {"foreign", "microsoft_advertising"} <= set(plugins)
    assert plugins["microsoft_advertising"]["listeners"]


def test_the_button_test_of_a_connection_signs_in(installation: Installation) -> None:
    body = json.loads(installation.stack.environment["AIRFLOW_CONN_MICROSOFT_ADVERTISING_DEFAULT"])
    body |= {"connection_id": "tried", "extra": json.dumps(body["extra"])}
    answer = installation.api.post("/connections/test", body)
    assert answer["status"] is True, answer
    assert "Customer Match" in answer["message"]


def test_an_outsiders_dag_with_the_operator_makes_exact_audiences(installation: Installation) -> None:
    assert installation.run("example_tables") == "success"
    for audience, table in {
        "High value customers": "HighValueCustomers",
        "Readers": "NewsletterReaders",
        "Lapsed customers": "LapsedVIPs",
    }.items():
        assert installation.members(audience) == installation.wanted(table)


def test_a_folder_of_exports_in_one_line_makes_exact_audiences(installation: Installation) -> None:
    assert installation.run("example_newsletter") == "success"
    assert installation.members("Newsletter readers") == installation.wanted("NewsletterReaders")
    [pool] = [
        one
        for one in installation.api.get("/pools")["pools"]
        if one["name"].startswith("microsoft_advertising")
    ]
    assert pool["slots"] == 5, "the listener has made it"
    [run] = installation.api.get("/dags/example_newsletter/dagRuns")["dag_runs"]
    assert "1 of 1" in str(run["note"]), "the listener has put the summary on the run"


def test_the_hook_alone_creates_applies_and_uploads(installation: Installation) -> None:
    assert installation.run("example_hook") == "success"
    assert len(installation.members("Made with the hook")) == 3
