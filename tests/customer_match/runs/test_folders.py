"""Where the files of a run are: whatever their ids are, below the workspace's folder `runs`."""

from __future__ import annotations

import pytest

from customer_match.runs.folders import report_page, run_folder
from tests.customer_match.runs.reports import run_of


@pytest.mark.parametrize("name", ["..", "../..", "a/b", "", "/etc", "a\\b", "%2e%2e", "\0", "long" * 99])
def test_no_id_leads_out_of_it(name: str) -> None:
    parts = run_folder(name, name).split("/")
    assert len(parts) == 3
    assert parts[0] == "runs"
    assert not any(part in {"", ".", ".."} or "\\" in part or "\0" in part for part in parts)
    assert report_page(name, name) == f"{run_folder(name, name)}/report.html"


def test_a_report_knows_its_page() -> None:
    assert run_of(workspace="abfs://lake/w/").page == f"abfs://lake/w/{report_page('e', 'r')}"
    assert run_of().page is None
