"""The sample export and the demo's tables belong together."""

from pathlib import Path

import pytest
import yaml

from include.demo.tables import DEMO_TABLES

PATH = Path(__file__).parents[2] / "include" / "exports" / "demo.yaml"


def test_it_exports_the_tables_that_the_demo_writes() -> None:
    segments = yaml.safe_load(PATH.read_text())["segments"]
    assert [segment["table"] for segment in segments] == [table.table for table in DEMO_TABLES]
    assert [segment["audience"] for segment in segments] == [
        "High value customers",
        "Newsletter readers",
        "Lapsed VIPs",
    ]


def test_it_is_a_valid_export() -> None:
    export = pytest.importorskip("include.customer_match.export", reason="the export model is not there yet")
    loaded = export.load_export(PATH)
    assert loaded.name == "demo"
    tables = [table.table for table in DEMO_TABLES]
    assert [segment.table for segment in loaded.matches(tables)] == tables
