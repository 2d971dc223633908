"""What the arguments of the operator for other people's DAGs mean."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_microsoft_advertising.run.task_arguments import export_of_arguments, name_of_export, switch
from customer_match.errors import ConfigurationError
from customer_match.export.matching import segments_of
from customer_match.export.model import Export


def export(**arguments: Any) -> Export:
    usual = {
        "origin": "the arguments of the task send",
        "options": {},
        "source": None,
        "lake": None,
        "workspace": "/work",
        "workspace_connection": None,
        "name": "dag.send",
        "cid": 1,
        "aid": 2,
        "email": "Email",
    }
    return export_of_arguments(**(usual | arguments))


@pytest.mark.parametrize(
    ("table", "root", "name", "path"),
    [
        ("abfs://lake/segments/Gold", "abfs://lake/segments", "Gold", "abfs://lake/segments/Gold"),
        ("abfs://lake/segments/Gold/", "abfs://lake/segments", "Gold", "abfs://lake/segments/Gold"),
        ("abfs://lake/people.csv", "abfs://lake", "people", "abfs://lake/people.csv"),
        ("abfs://lake", "abfs://lake", "lake", "abfs://lake"),
        ("/data/people.CSV.gz", "/data", "people", "/data/people.CSV.gz"),
        ("data/Gold", ".", "Gold", "data/Gold"),
        ("people.csv", ".", "people", "people.csv"),
        ("Gold", ".", "Gold", None),
    ],
)
def test_a_table_may_be_a_url_a_path_a_files_name_or_a_name(
    table: str, root: str, name: str, path: str | None
) -> None:
    made = export(segments=[{"table": table}], lake="lake" if "://" in table else None)
    [segment] = segments_of(made)
    assert (made.source.root, segment.table, segment.path) == (root, name, path)


def test_segments_may_be_one_pattern_or_all_as_in_an_export_file() -> None:
    for words, taken in {"all": ["Gold", "Silver"], "Go*": ["Gold"], "Gold": ["Gold"]}.items():
        made = export(segments=words, source="/lake")
        assert [one.table for one in segments_of(made, ["Gold", "Silver"])] == taken


def test_the_source_may_be_a_mapping_that_says_how_files_are_written() -> None:
    made = export(segments=["/lake/people.csv"], source={"csv": {"delimiter": ";", "encoding": "cp1252"}})
    assert (made.source.root, made.source.csv.delimiter) == ("/lake", ";")


@pytest.mark.parametrize(
    ("workspace", "connection"), [("/work", None), ("file:///work", None), ("abfs://lake/work", "lake")]
)
def test_the_workspace_has_the_lakes_connection_if_it_needs_one(
    workspace: str, connection: str | None
) -> None:
    made = export(segments=["abfs://lake/Gold"], lake="lake", workspace=workspace)
    assert made.workspace.connection == connection


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"options": "{}"}, "options: must be a mapping"),
        ({"options": {"segments": ["Gold"]}}, r"options.segments: is not an option. Use `segments`"),
        ({"options": {"upload_timeout_minutes": 5}}, "Use `upload_timeout` instead"),
        ({"options": {"tags": ["x"]}}, "Use the DAG's `tags` instead"),
        ({"segments": [None]}, r"segments\[0\]: must be a mapping or the name of a table"),
        ({"segments": [{"audience": "A"}]}, r"segments\[0\].table: missing"),
        ({"workspace": None}, "workspace"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        export(**({"segments": ["Gold"], "source": "/lake"} | arguments))


@pytest.mark.parametrize(
    ("given", "meant"), [(True, True), (False, False), ("True", True), ("false", False), (" True ", True)]
)
def test_a_switch_may_be_what_a_template_leaves(given: object, meant: bool) -> None:
    assert switch(given, "full") is meant


@pytest.mark.bad_input
@pytest.mark.parametrize("given", ["", "perhaps", None, "{{ params.full }}", 1])
def test_a_switch_that_is_neither_is_refused(given: object) -> None:
    with pytest.raises(ConfigurationError, match="`full` must be true or false"):
        switch(given, "full")


def test_audiences_are_kept_under_the_ids_of_dag_and_task() -> None:
    assert name_of_export("dag", "group.send") == "dag.group.send"
    for dag_id, task_id in [("d" * 240, "t" * 240), ("sende_änderungen", "täglich")]:
        name = name_of_export(dag_id, task_id)
        assert export(segments=["Gold"], name=name).name == name, "Airflow allows more than export files do"
