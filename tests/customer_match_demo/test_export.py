"""The sample export and the demo's tables belong together."""

from pathlib import Path

import yaml

from customer_match.export.matching import segments_of
from customer_match.export.model import Export
from customer_match_demo.tables import DEMO_TABLES

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
    export = Export.model_validate(yaml.safe_load(PATH.read_text()))
    tables = [table.table for table in DEMO_TABLES]
    assert [segment.table for segment in segments_of(export, tables)] == tables
    assert (export.name, export.email.columns, export.schedule) == ("demo", ("Email",), None)


def test_the_newsletter_goes_in_three_parts_and_the_others_in_one() -> None:
    export = Export.model_validate(yaml.safe_load(PATH.read_text()))
    members = 0.905  # of the profiles: 92 % usable less the duplicates
    parts = [-(-len(table.profiles) * members // export.profiles_per_part) for table in DEMO_TABLES]
    assert parts == [1, 3, 1]
