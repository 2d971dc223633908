"""Logs and files of unknown names in Azure, where folders are only listings."""

from __future__ import annotations

import json

import pytest

from customer_match.errors import ConfigurationError
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from tests.conftest import LakeContainer

pytestmark = pytest.mark.azurite


def emails(lake: LakeContainer, path: str) -> list[str]:
    table = open_table(lake.filesystem, f"{lake.name}/{path}")
    return sorted(value for batch in table.batches(["Email"]) for value in batch.column("Email").to_pylist())


def test_only_what_counts_is_read(lake_container: LakeContainer) -> None:
    lake = lake_container

    def put(path: str, content: str) -> None:
        lake.filesystem.pipe_file(f"{lake.name}/{path}", content.encode())

    for name, email in (("000000_0", "a"), ("part-r-00001", "b"), ("people.dat", "c")):
        put(f"Hive/{name}", f"Email\n{email}@example.org\n")
    assert emails(lake, "Hive") == ["a@example.org", "b@example.org", "c@example.org"]
    put("Hive/part-2", '[{"Email": "d@example.org"}]')
    with pytest.raises(ConfigurationError, match=f"abfs://{lake.name}/Hive/part-2 is JSON"):
        emails(lake, "Hive")

    put("Bricks/p-tid-1-a-c0.csv", "Email\nleft@example.org\n")
    put("Bricks/p-tid-2-b-c0.csv", "Email\na@example.org\n")
    put("Bricks/_committed_2", json.dumps({"added": ["p-tid-2-b-c0.csv"], "removed": ["p-tid-1-a-c0.csv"]}))
    assert emails(lake, "Bricks") == ["a@example.org"]
    with pytest.raises(ConfigurationError, match=r"is in .*/Bricks, which is a table of Databricks"):
        emails(lake, "Bricks/p-tid-1-a-c0.csv")

    uri = "abfss://elsewhere@contoso.dfs.core.windows.net/bronze/Sink/day=1/a.csv"
    put("Sink/_spark_metadata/0", f"v1\n{json.dumps({'path': uri, 'action': 'add'})}")
    put("Sink/day=1/a.csv", "Email\na@example.org\n")
    put("Sink/day=1/b.csv", "Email\nleft@example.org\n")
    assert emails(lake, "Sink") == ["a@example.org"]

    put("bronze/Hudi/.hoodie/hoodie.properties", "hoodie.table.name=x")
    put("bronze/Ice/metadata/00000-a.metadata.json", "{}")
    for table in ("Hudi", "Ice"):
        put(f"bronze/{table}/data/day=1/x.csv", "Email\nleft@example.org\n")
        for path in ("", "/data", "/data/day=1", "/data/day=1/x.csv"):
            with pytest.raises(ConfigurationError, match=f"bronze/{table}(?:, which)? is a table of Apache"):
                emails(lake, f"bronze/{table}{path}")
    assert list(discover(lake.filesystem, lake.name)) == ["Bricks", "Hive", "Hudi", "Ice", "Sink"]
