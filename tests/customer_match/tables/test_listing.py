from datetime import UTC, datetime
from typing import Any

import pytest

from include.customer_match.tables.listing import TableFile, described

WHEN = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "modified"),
    [
        ({"last_modified": WHEN}, WHEN),
        ({"LastModified": WHEN}, WHEN),
        ({"mtime": WHEN.timestamp()}, WHEN),
        ({"updated": "2026-11-22T02:15:00Z"}, WHEN),
        ({"mtime": WHEN.replace(tzinfo=None)}, WHEN),
        ({"mtime": None, "last_modified": None}, None),
        ({"mtime": object()}, None),
        ({}, None),
    ],
    ids=["adlfs", "s3fs", "local", "gcsfs", "without a zone", "unknown", "of another kind", "not told"],
)
def test_each_storage_tells_the_time_of_a_file_in_its_way(
    told: dict[str, Any], modified: datetime | None
) -> None:
    assert described({"name": "a", "size": None, **told}) == TableFile("a", 0, modified)
