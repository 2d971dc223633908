"""Compose files and Dockerfiles as they are read: the rules that the stack relies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_match.project import PROJECT
from tests.compose import dockerfile
from tests.compose.reading import Port, interpolate, read

COMPOSE = """
x-shared: &shared
  image: shared:1
  env_file: [first.env, {path: second.env, required: false}]
  environment: &variables {ONE: a, TWO: "$$HOME"}
services:
  web:
    <<: *shared
    command: run "two words"
    environment: {<<: *variables, ONE: "${VALUE:-default}"}
    ports: ["127.0.0.1:${PORT:-80}:8080"]
    expose: ["9/udp"]
    secrets: [word]
    volumes: ["data:/data", "./here:/there:ro"]
    tmpfs: ["/fast:size=1m"]
    healthcheck: {test: [CMD-SHELL, "a | b"], timeout: 1m30s}
    depends_on: {db: {condition: service_healthy}}
  db: {image: "db:2", healthcheck: {test: [CMD, ready]}}
  extra: {image: "extra:3", profiles: [more]}
secrets:
  word: {file: "${FOLDER:-./secrets}/word"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docker-compose.yaml").write_text(COMPOSE)
    (tmp_path / "first.env").write_text("ONE=file\nTHREE='a b'\n# no\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$A ${A}", "a a"),
        ("$$A $${A}", "$A ${A}"),
        ("${A:-b}${EMPTY:-b}${EMPTY-b}${NONE-b}", "abb"),
        ("${A:?needed}", "a"),
        ("$NONE", ""),
    ],
)
def test_variables(text: str, result: str) -> None:
    assert interpolate(text, {"A": "a", "EMPTY": ""}) == result


@pytest.mark.parametrize("text", ["${NONE:?is needed}", "${EMPTY:?is needed}", "${NONE?is needed}"])
def test_required_variables(text: str) -> None:
    with pytest.raises(ValueError, match="is needed"):
        interpolate(text, {"EMPTY": ""})


def test_environment_overrides_files_and_a_shell_overrides_dotenv(project: Path) -> None:
    (project / "second.env").write_text("THREE=later\n")
    (project / ".env").write_text("VALUE=dotenv\nPORT=81\n")
    web = read(project, shell={"VALUE": "shell"})["web"]
    assert web.environment == {"ONE": "shell", "TWO": "$HOME", "THREE": "later"}
    assert web.ports == [Port(8080, published="127.0.0.1:81"), Port(9, "udp")]


def test_a_service_has_what_it_says_and_what_it_merges(project: Path) -> None:
    web = read(project)["web"]
    assert (web.image, web.command, web.depends_on) == (
        "shared:1",
        ["run", "two words"],
        {"db": "service_healthy"},
    )
    assert web.environment == {"ONE": "default", "TWO": "$HOME", "THREE": "a b"}
    assert {(mount.target, mount.volume, mount.source, mount.read_only) for mount in web.mounts} == {
        ("/data", "data", None, False),
        ("/there", None, project / "here", True),
        ("/run/secrets/word", None, project / "secrets/word", True),
    }
    assert web.tmpfs == {"/fast": "size=1m"}
    assert web.healthcheck
    assert (web.healthcheck.command, web.healthcheck.timeout) == (["/bin/sh", "-c", "a | b"], 90)


def test_profiles(project: Path) -> None:
    assert set(read(project)) == {"web", "db"}
    assert set(read(project, {"more"})) == {"web", "db", "extra"}


def test_a_file_of_variables_that_is_required(project: Path) -> None:
    (project / "first.env").unlink()
    with pytest.raises(ValueError, match=r"first\.env is missing"):
        read(project)


def test_the_dockerfile() -> None:
    recipe = dockerfile.read(PROJECT / "Dockerfile")
    assert recipe.base == "python:3.11-slim"
    assert (recipe.user, recipe.workdir) == ("airflow", "/opt/customer-match")
    assert recipe.environment["AIRFLOW__CORE__DAGS_FOLDER"] == f"{recipe.workdir}/dags"
    assert ("COPY", "dags/ dags/") in recipe.steps
    assert sum("useradd" in rest and "install --directory" in rest for kind, rest in recipe.steps) == 1


def test_an_instruction_that_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nSHELL []\n")
    with pytest.raises(ValueError, match="SHELL"):
        dockerfile.read(tmp_path / "Dockerfile")
