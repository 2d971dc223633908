"""Export files in guides are valid, and figures are those of the code."""

from __future__ import annotations

import re

import pytest
import yaml

from customer_match.export.model import Export
from customer_match.project import PROJECT
from microsoft_advertising import limits

DOCS = PROJECT / "docs"
GUIDES = ("azure-access.md", "many-accounts.md", "schedules.md")
NEEDED = {"cid": 1, "aid": 2, "source": {"connection": "lake", "root": "abfs://lake/x"}, "segments": "all"}
BLOCKS = [
    pytest.param(block, id=f"{name}-{number}")
    for name in GUIDES
    for number, block in enumerate(
        re.findall(r"```yaml\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_export_files_in_guides_are_valid(block: str) -> None:
    Export.model_validate(NEEDED | {"email": "Email", "name": "autumn"} | yaml.safe_load(block))


def test_short_examples_of_schedules_are_valid() -> None:
    cells = re.findall(
        r"(?m)^\| .+ \| (`schedule.+) \|$", (DOCS / "schedules.md").read_text(encoding="utf-8")
    )
    assert len(cells) == 4
    for cell in cells:
        for one in re.findall(r"`(.+?)`", cell):
            Export.model_validate(NEEDED | {"email": "Email", "name": "autumn"} | yaml.safe_load(one))


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("size of an upload file", f"{limits.MAX_FILE_BYTES // 10**6} MB"),
        ("rows of an upload file", f"{limits.MAX_ROWS:,}"),
        ("rows of a file in the sandbox", f"{limits.SANDBOX_MAX_ROWS:,}"),
        ("uploads in progress for one customer", f"{limits.MAX_PARALLEL_UPLOADS}"),
        ("members of one call", f"{limits.MAX_ITEMS_PER_CALL:,}"),
        ("name of an audience", f"{limits.MAX_NAME} characters"),
        ("description of an audience", f"{limits.MAX_DESCRIPTION:,} characters"),
        ("longest membership", f"{limits.MAX_MEMBERSHIP_DAYS} days, or without end"),
        ("users for ads to be served", f"{limits.MIN_SERVABLE_MEMBERS} matched"),
        ("users for bids to be raised", f"{limits.MIN_MEMBERS_FOR_BIDS:,} matched"),
        ("time until sizes are known", f"{limits.SIZES_HOURS} hours"),
    ],
)
def test_limits_are_those_of_the_code(row: str, value: str) -> None:
    assert f"| {row} | {value} |" in (DOCS / "limits.md").read_text(encoding="utf-8")
