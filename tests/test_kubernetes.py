"""The values for Airflow's Helm chart, as far as they can be checked without Helm and without the chart."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from customer_match.project import PROJECT

FOLDER = PROJECT / "deploy" / "kubernetes"
TEXT = (FOLDER / "values.yaml").read_text(encoding="utf-8")
VALUES = yaml.safe_load(TEXT)
SCHEMA = json.loads((FOLDER / "values.schema.json").read_text(encoding="utf-8"))
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
PROGRAMS = {
    "worker": VALUES["workers"]["celery"],
    "scheduler": VALUES["scheduler"],
    "dag-processor": VALUES["dagProcessor"],
    "triggerer": VALUES["triggerer"],
}


def errors(values: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(values)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_values_follow_the_schema() -> None:
    assert errors(VALUES) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("replicas: 2", "replicaz: 2"),
        ("replicas: 2", "replicas: two"),
        ("executor: CeleryExecutor", "executor: Celery"),
        ("size: 10Gi", "size: 10 GB"),
        ("jwtSecretName:", "jwtSecret:"),
    ],
)
def test_the_schema_would_find_a_mistake(right: str, wrong: str) -> None:
    assert right in TEXT
    assert errors(yaml.safe_load(TEXT.replace(right, wrong)))


@pytest.mark.lock
def test_the_version_is_that_of_the_lock() -> None:
    assert VALUES["airflowVersion"] == version("apache-airflow")


def test_no_secret_is_in_the_values() -> None:
    assert not re.search(r"(?im)^\s*(pass|password|fernetKey|jwtSecret|apiSecretKey|connection)\s*:", TEXT)
    assert VALUES["createUserJob"] == {"enabled": False}, "the chart's user has a known password"


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_needs_files_that_only_airflows_own_image_has(name: str) -> None:
    program = PROGRAMS[name]
    assert program["logGroomerSidecar"] == {"enabled": False}
    probes = [value for key, value in program.items() if key.endswith("Probe")]
    assert probes
    assert all("/entrypoint" not in " ".join(probe["command"]) for probe in probes)


def test_the_exports_are_mounted_where_the_image_reads_them() -> None:
    [mount], [volume] = VALUES["volumeMounts"], VALUES["volumes"]
    workdir = re.search(r"^WORKDIR (\S+)$", DOCKERFILE, re.MULTILINE)
    assert workdir
    assert mount["mountPath"] == f"{workdir[1]}/include/exports"
    assert mount["name"] == volume["name"]


def test_every_object_that_is_named_is_created_in_the_instructions() -> None:
    named = set(re.findall(r"(?m)^(?:[^#]*?): (customer-match-[\w-]+)$", TEXT))
    created = set(re.findall(r"kubectl create (?:configmap|secret generic) (\S+)", TEXT))
    assert named == created


def test_the_settings_are_those_of_every_installation() -> None:
    [source] = yaml.safe_load(VALUES["extraEnvFrom"])
    assert source == {"configMapRef": {"name": "customer-match-settings"}}
    shared = (PROJECT / "airflow.env").read_text(encoding="utf-8")
    overridden = {
        f"AIRFLOW__{section}__{key}".upper() for section, keys in VALUES["config"].items() for key in keys
    }
    assert not [key for key in overridden if re.search(rf"(?m)^{key}=", shared)]


def test_the_database_is_prepared_as_with_compose() -> None:
    script = VALUES["migrateDatabaseJob"]["args"][-1]
    assert script.index("airflow db migrate") < script.index("customer-match set-up")


def test_the_tag_of_the_image_is_the_version() -> None:
    assert VALUES["images"]["airflow"]["tag"] == version("customer-match-airflow")
