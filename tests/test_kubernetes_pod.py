"""The pod template of KubernetesExecutor, by the models of Kubernetes' official client, and as the executor uses it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import models

from customer_match.project import PROJECT

FILE = PROJECT / "deploy" / "kubernetes" / "pod-template.yaml"
TEXT = FILE.read_text(encoding="utf-8")
POD = yaml.safe_load(TEXT)
VALUES = yaml.safe_load((FILE.parent / "values.yaml").read_text(encoding="utf-8"))
SIMPLE = {"str": str, "int": int, "bool": bool}


def faults(value: Any, kind: str, where: str) -> list[str]:
    """Keys that a model of the API does not have, and values of another type."""
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        return (
            [fault for one in value for fault in faults(one, match[1], where)]
            if isinstance(value, list)
            else [f"{where}: not a list"]
        )
    if match := re.fullmatch(r"dict[(\[]str, (.*)[)\]]", kind):
        return [fault for key, one in value.items() for fault in faults(one, match[1], f"{where}.{key}")]
    if kind in SIMPLE:
        return [] if type(value) is SIMPLE[kind] else [f"{where}: not of type {kind}"]
    model = getattr(models, kind, None)
    if model is None:
        return []
    if not isinstance(value, dict):
        return [f"{where}: not an object"]
    kinds = {json: model.openapi_types[name] for name, json in model.attribute_map.items()}
    return [
        fault
        for key, one in value.items()
        for fault in (
            faults(one, kinds[key], f"{where}.{key}") if key in kinds else [f"{where}: unknown key {key}"]
        )
    ]


def deserialized(pod: Any) -> models.V1Pod:
    """As the executor reads the file; raises ValueError if a required value is missing."""
    return PodGenerator.deserialize_model_dict(pod)


def test_the_pod_follows_the_api() -> None:
    assert faults(POD, "V1Pod", "pod") == []
    assert deserialized(POD).spec.containers[0].name == "base"


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("restartPolicy:", "restartPolice:", "pod.spec: unknown key restartPolice"),
        ("runAsUser: 50000", 'runAsUser: "50000"', "pod.spec.securityContext.runAsUser: not of type int"),
        ("readOnly: true", "read_only: true", "pod.spec.containers.volumeMounts: unknown key read_only"),
        ("drop: [ALL]", "drop: ALL", "pod.spec.containers.securityContext.capabilities.drop: not a list"),
        ("value: /scratch", "value: 5", "pod.spec.containers.env.value: not of type str"),
        ('use: "true"', "use: true", "pod.metadata.labels.azure.workload.identity/use: not of type str"),
    ],
)
def test_a_mistake_would_be_found(right: str, wrong: str, fault: str) -> None:
    assert right in TEXT
    assert faults(yaml.safe_load(TEXT.replace(right, wrong)), "V1Pod", "pod") == [fault]


def test_a_missing_value_would_be_found() -> None:
    with pytest.raises(ValueError, match="`containers`, must not be `None`"):
        deserialized({**POD, "spec": {}})


def test_the_executor_makes_a_pod_of_it() -> None:
    """With the task's arguments in the container of the template, whose image has no entry point."""
    arguments = ["python", "-m", "airflow.sdk.execution_time.execute_workload", "--json-string", "{}"]
    pod = PodGenerator.construct_pod(
        dag_id="autumn", task_id="segment.upload", pod_id="autumn-upload-1", try_number=1, map_index=0,
        kube_image="registry/image:1", date=None, args=arguments, pod_override_object=None,
        base_worker_pod=deserialized(POD), namespace="airflow", scheduler_job_id="1", run_id="manual__1",
    )  # fmt: skip
    [container] = pod.spec.containers
    assert (container.image, container.args, container.command) == ("registry/image:1", arguments, None)
    assert {mount.name for mount in container.volume_mounts} == {one.name for one in pod.spec.volumes}
    assert container.env_from[0].config_map_ref.name == "customer-match-settings"
    assert pod.spec.service_account_name == "customer-match-airflow-worker"
    assert pod.metadata.labels["dag_id"] == "autumn"
    assert pod.metadata.labels["azure.workload.identity/use"] == "true"
    assert "ENTRYPOINT" not in (PROJECT / "Dockerfile").read_text(encoding="utf-8")


def test_it_agrees_with_the_values() -> None:
    [container] = POD["spec"]["containers"]
    image = VALUES["images"]["airflow"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    assert VALUES["volumes"][0] in POD["spec"]["volumes"]
    assert VALUES["volumeMounts"][0] in container["volumeMounts"]
    settings = yaml.safe_load(VALUES["extraEnvFrom"])
    assert container["envFrom"] == settings
    assert (
        f"useradd --uid {POD['spec']['securityContext']['runAsUser']}" in (PROJECT / "Dockerfile").read_text()
    )


def test_it_holds_no_secret_and_no_template() -> None:
    """The chart would render a template in it; tasks get connections from the API server."""
    assert "secret" not in str(POD).lower()
    assert "{{" not in TEXT
