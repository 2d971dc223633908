"""The Compose stack, as far as it can be checked without a Docker engine."""

import os
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
COMPOSE_TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEMO = {"demo-tables", "simulator", "azurite"}
MONITORING = {"statsd-exporter", "prometheus", "grafana"}
SECRETS_SCRIPT = ROOT / "deploy" / "compose" / "create-secrets"


def settings(path: str) -> dict[str, str]:
    """KEY=VALUE lines, read as Compose reads them where nothing is quoted."""
    lines = (line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def interpolations(text: str) -> list[tuple[str, str]]:
    """Variables of `${VARIABLE…}` and what follows their names; `$$` is a literal dollar."""
    return re.findall(r"\$\{([A-Z0-9_]+)(.*?)\}", text.replace("$$", ""))


@pytest.fixture(scope="module")
def airflow_options() -> set[str]:
    """AIRFLOW__SECTION__KEY of every option that Airflow and its installed providers document.

    Read from the files, not through `airflow.configuration`, which would start Airflow.
    """
    found = find_spec("airflow")
    assert found
    assert found.submodule_search_locations
    airflow = Path(found.submodule_search_locations[0])
    core = yaml.safe_load((airflow / "config_templates" / "config.yml").read_text())
    modules = map(str, (airflow / "providers").glob("**/get_provider_info.py"))
    providers = [runpy.run_path(module)["get_provider_info"]().get("config", {}) for module in modules]
    return {
        f"AIRFLOW__{section}__{option}".upper()
        for configuration in (core, *providers)
        for section, content in configuration.items()
        for option in content["options"]
    }


def check_against_the_specification(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_compose_file_follows_the_specification() -> None:
    result = check_against_the_specification(ROOT / "docker-compose.yaml")
    assert result.returncode == 0, result.stdout


def test_the_specification_would_find_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yaml"
    wrong.write_text(COMPOSE_TEXT.replace("start_period:", "start_periode:"))
    assert check_against_the_specification(wrong).returncode != 0


def test_all_processes_of_airflow_and_what_they_need() -> None:
    assert set(SERVICES) - DEMO - MONITORING == {
        "api-server", "scheduler", "dag-processor", "triggerer", "worker", "init", "postgres", "redis",
    }  # fmt: skip
    for profile, names in (("demo", DEMO), ("monitoring", MONITORING)):
        assert {name for name, service in SERVICES.items() if service.get("profiles") == [profile]} == names


@pytest.mark.parametrize("name", OURS)
def test_airflow_services_share_one_definition(name: str) -> None:
    shared, service = COMPOSE["x-airflow"], SERVICES[name]
    for key in ("image", "build", "env_file", "init", "security_opt", "cap_drop", "logging"):
        assert service[key] == shared[key]
    assert shared["environment"].items() <= service["environment"].items()
    if name not in DEMO:
        assert service["volumes"] == shared["volumes"]
        assert set(service["secrets"]) - {"admin_password"} == set(shared["secrets"])
    else:
        assert service["secrets"] == []


def test_airflow_services_are_all_but_those_with_an_image_of_their_own() -> None:
    assert set(SERVICES) - set(OURS) == {"postgres", "redis", "azurite", *MONITORING}


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_is_root_or_may_become_it(name: str) -> None:
    service = SERVICES[name]
    user = str(service.get("user") or re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)[-1])
    assert user.partition(":")[0] not in {"root", "0"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_what_keeps_running_is_restarted_and_what_ends_is_not() -> None:
    once = {name for name, service in SERVICES.items() if service["restart"] == "no"}
    assert once == {"init", "demo-tables"}
    assert {SERVICES[name]["restart"] for name in set(SERVICES) - once} == {"unless-stopped"}


def test_settings_come_from_airflow_env_and_are_not_repeated() -> None:
    assert COMPOSE["x-airflow"]["env_file"][0] == "airflow.env"
    repeated = {key for service in OURS.values() for key in service["environment"]} & set(
        settings("airflow.env")
    )
    assert not repeated
    assert not set(settings("airflow.env")) & set(re.findall(r"AIRFLOW__\w+", DOCKERFILE))


def test_airflow_env_means_the_same_to_a_shell_and_to_compose() -> None:
    script = "set -eu -a; . ./airflow.env; env"
    clean = {"PATH": os.environ["PATH"]}
    result = subprocess.run(
        ["sh", "-c", script], cwd=ROOT, env=clean, capture_output=True, text=True, check=True
    )
    sourced = dict(line.split("=", 1) for line in result.stdout.splitlines())
    assert {key: sourced[key] for key in settings("airflow.env")} == settings("airflow.env")
    assert all(
        re.fullmatch(r"AIRFLOW__[A-Z_]+=[\w.,:/-]+", f"{k}={v}") for k, v in settings("airflow.env").items()
    )


@pytest.mark.parametrize("path", ["airflow.env", "docker-compose.yaml", "Dockerfile", ".env.example"])
def test_every_setting_exists_in_airflow(path: str, airflow_options: set[str]) -> None:
    found = set(re.findall(r"\bAIRFLOW__[A-Z_]+", (ROOT / path).read_text()))
    used = {name.removesuffix("_CMD") for name in found}
    assert used
    assert used <= airflow_options


def test_the_settings_of_airflow_are_really_known(airflow_options: set[str]) -> None:
    assert {"AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CELERY__BROKER_URL"} <= airflow_options
    assert "AIRFLOW__CORE__NO_SUCH_OPTION" not in airflow_options


def test_every_variable_has_a_default() -> None:
    assert [name for name, rest in interpolations(COMPOSE_TEXT) if not rest.startswith(":-")] == []


def test_secrets_are_files_and_each_is_used() -> None:
    files = {name: secret["file"] for name, secret in COMPOSE["secrets"].items()}
    assert files == {name: f"${{SECRETS_FOLDER:-./secrets}}/{name}" for name in files}
    mounted = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert mounted == set(files)
    for name, service in SERVICES.items():
        words = f"{service.get('environment')} {service.get('command')} {service.get('healthcheck')}"
        assert (
            set(re.findall(r"/run/secrets/(\w+)", words)) <= set(service.get("secrets", [])) or name in DEMO
        )


def test_no_secret_is_in_the_environment() -> None:
    variables = {name for service in SERVICES.values() for name in service.get("environment", {})}
    secret = {name for name in variables if re.search("PASSWORD|SECRET|KEY|CONN|BACKEND|BROKER_URL", name)}
    assert secret
    assert [name for name in secret if not name.endswith(("_CMD", "_FILE"))] == []
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def create_secrets(folder: Path) -> dict[str, str]:
    subprocess.run([SECRETS_SCRIPT], cwd=folder, check=True, capture_output=True)
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def test_the_script_creates_every_secret_once(tmp_path: Path) -> None:
    made = create_secrets(tmp_path)
    assert set(made) == set(COMPOSE["secrets"])
    assert len(set(made.values())) == len(made)
    assert all(len(value) >= 24 and value.isascii() and value.split() == [value] for value in made.values())
    Fernet(made["fernet_key"])
    assert create_secrets(tmp_path) == made


def test_only_its_owner_enters_the_folder_of_secrets_and_containers_read_the_files(tmp_path: Path) -> None:
    """Compose mounts each file as it is, and the processes in the containers are other users."""
    create_secrets(tmp_path)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o644}


def test_the_script_takes_over_the_secrets_of_an_older_installation(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=once=twice\nAIRFLOW__API__SECRET_KEY=\n")
    made = create_secrets(tmp_path)
    assert made["postgres_password"] == "once=twice"
    assert made["api_secret_key"]


def test_every_variable_is_explained_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    for name, _ in interpolations(COMPOSE_TEXT):
        assert re.search(rf"^(# )?{name}=", example, re.MULTILINE), name


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert all(service.get("network_mode") is None for service in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_can_be_met(name: str) -> None:
    for other, dependency in SERVICES[name].get("depends_on", {}).items():
        if dependency["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert dependency["condition"] == "service_completed_successfully"
            assert SERVICES[other]["restart"] == "no"


@pytest.mark.parametrize("name", [name for name in SERVICES if SERVICES[name]["restart"] != "no"])
def test_whatever_keeps_running_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_every_airflow_process_waits_for_the_database_and_the_pools() -> None:
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        assert SERVICES[name]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}
    script = SERVICES["init"]["command"][-1]
    assert script.index("airflow db migrate") < script.index("customer-match set-up")


def test_volumes_are_declared_used_and_writable() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0]: mount.split(":")[1] for mount in mounts if not mount.startswith(".")}
    assert set(named) == set(COMPOSE["volumes"])
    made = DOCKERFILE.partition("install --directory")[2].partition("USER")[0].split()
    assert {target for target in named.values() if target.startswith("/opt/")} <= set(made)
    assert all(
        mount.endswith(":ro") and (ROOT / mount.split(":")[0]).is_dir() for mount in mounts if mount[0] == "."
    )


def test_image_holds_what_it_copies_and_runs_as_nobody_special() -> None:
    allowed = {
        line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"
    }
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
    assert re.search(r"^USER (?!root)\w+$", DOCKERFILE, re.MULTILINE)


def test_image_uses_a_python_that_the_project_supports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = re.search(r"PYTHON_VERSION=([\d.]+)", DOCKERFILE)
    assert version
    assert version[1] in SpecifierSet(project["requires-python"])
