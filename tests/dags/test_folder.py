"""`customer_match_dags`: the DAGs of a folder in one line of anybody's DAG file."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_microsoft_advertising.dags import customer_match_dags
from customer_match.errors import ConfigurationError
from customer_match.project import PROJECT

FILE = "from airflow_microsoft_advertising.dags import customer_match_dags\n"
EXPORT = "cid: 1\naid: 2\nsource: lake\nsegments: [Gold]\nemail: Email\nworkspace: /workspace\n"


def dags_of(checkout: Path, line: str) -> dict[str, DAG]:
    """The DAGs of a DAG file in a checkout that has a folder of exports beside its DAGs."""
    (checkout / "dags").mkdir(parents=True)
    (checkout / "exports").mkdir()
    (checkout / "exports" / "autumn.yaml").write_text(EXPORT)
    (checkout / "exports" / "broken.yaml").write_text("cid: 1\n")
    file = checkout / "dags" / "exports.py"
    file.write_text(FILE + line)
    return {value.dag_id: value for value in runpy.run_path(str(file)).values() if isinstance(value, DAG)}


def test_relative_paths_begin_at_the_dag_file_in_each_checkout_of_a_bundle(tmp_path: Path) -> None:
    line = "globals().update(customer_match_dags('../exports', base='..'))\n"
    for version in ("a1b2", "c3d4"):
        found = dags_of(tmp_path / version, line)
        assert set(found) == {"autumn", "broken"}
        assert found["broken"].tags == {"customer match", "broken"}
        assert found["autumn"].fileloc == str(tmp_path / version / "dags" / "exports.py")
        assert str(tmp_path / version) not in str(found["autumn"].doc_md)


def test_relative_folders_of_exports_begin_at_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        "airflow_microsoft_advertising.dags.export_dag",
        lambda export: seen.append(export.source.locate()) or DAG(export.name),
    )
    dags_of(tmp_path / "one", "globals().update(customer_match_dags('../exports', base='..'))\n")
    dags_of(tmp_path / "two", "globals().update(customer_match_dags('../exports'))\n")
    assert [Path(path).resolve() for path in seen] == [tmp_path / "one" / "lake", PROJECT / "lake"]


@pytest.mark.bad_input
def test_a_folder_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigurationError, match="nowhere: this folder does not exist"):
        customer_match_dags("nowhere")
