"""Rules between the keys of an export: valid combinations; `test_problems.py` has the invalid ones."""

from __future__ import annotations

from customer_match.export.matching import segments_of
from tests.customer_match.export.samples import export


def test_a_workspace_may_be_in_the_source_if_tables_are_named() -> None:
    assert export(segments=["A"], workspace="lake/workspace").workspace.root == "lake/workspace"
    assert export(workspace="lake2").workspace.root == "lake2"


def test_a_table_may_have_its_own_path_in_the_storage_of_the_source() -> None:
    own = {"table": "A", "path": "wasbs://other/x"}
    lake = {"connection": "lake", "root": "abfs://lake/x"}
    (segment,) = segments_of(export(source=lake, segments=[own]))
    assert segment.path == "abfs://other/x"
