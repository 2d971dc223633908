"""The DAG file, imported with a folder of export files of the test's own."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk import DAG

from customer_match.project import PROJECT

DAG_FILE = PROJECT / "dags" / "segment_exports.py"

GOOD = """\
title: Autumn campaign
cid: 190000001
aid: 180000001
source: {lake}
segments:
  - {{table: Gold, audience: Gold customers}}
  - Silver
email: Email
workspace: {workspace}
"""

Dags = Callable[..., dict[str, DAG]]


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dags:
    """Write export files (name → text; `+` before a text adds it to the usual one) and import the DAG file."""
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(folder))
    usual = GOOD.format(lake=tmp_path / "lake", workspace=tmp_path / "workspace")

    def imported(**files: str) -> dict[str, DAG]:
        for name, text in files.items():
            whole = usual + text[1:] if text.startswith("+") else text
            (folder / f"{name}.yaml").write_text(whole)
        found = runpy.run_path(str(DAG_FILE))
        return {value.dag_id: value for value in found.values() if isinstance(value, DAG)}

    return imported
