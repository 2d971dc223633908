"""CDM folders: Customer Insights exports, and folders with manifests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from customer_match_sample_lake.cdm import CdmSample
from customer_match_sample_lake.csv_text import Csv
from customer_match_sample_lake.expected import Tally
from customer_match_sample_lake.lake import COLUMNS, Batches, Lake, Row, customers
from customer_match_sample_lake.shape import Sample, State, shape

_INSTANCE: Final = "CustomerInsights_abcd1234-4312-11f4-93dc-24f72f43e7d5"
_ADDRESS: Final = f"https://contoso.dfs.core.windows.net/insights%20lake/{_INSTANCE}/LakeExport"
_OLD_RUN, _NEW_RUN = "2026/01/05/0215", "2026/01/06/0215"
_PART_ROWS: Final = 4_000


@shape("cdm", "a Customer Insights export: model.json, no headers, an older run beside the newest")
def customer_insights(lake: Lake) -> Sample:
    """Write a model whose locations are full, percent-encoded URLs of the lake where it was written.

    It also has a table that is in no segment and one without files.
    """
    folder = CdmSample(lake.filesystem, lake.path(f"{_INSTANCE}/LakeExport"), _ADDRESS)
    people = {"Male_under_40": lake.people(), "Lapsed VIPs": lake.people(0.25, start=0.9)}
    found = {}
    for table, profiles in people.items():
        tally = Tally()
        folder.run(table, COLUMNS, _parts(customers(lake.people(0.3, start=2))), _OLD_RUN)
        folder.run(table, COLUMNS, _parts(tally.of(customers(profiles))), _NEW_RUN)
        found[table] = tally.expected()
    folder.run("Customer", COLUMNS, _parts(customers(lake.people(0.1))), _NEW_RUN)
    folder.entity("Nobody", COLUMNS, [])
    return Sample({"segments": lake.segments(*people), "email": "Email"}, [State(found)])


@shape("cdm-header", "a newer model.json: `tables` for entities, relative locations, files with headers")
def with_headers(lake: Lake) -> Sample:
    """Write a model that gives delimiter and header."""
    tally = Tally()
    folder = CdmSample(lake.filesystem, lake.path("LakeExport"), address="", key="tables")
    style = Csv(header=True, delimiter=";")
    folder.run("HighValue", COLUMNS, _parts(tally.of(customers(lake.people()))), _NEW_RUN, style)
    export = {"segments": lake.segments("HighValue"), "email": "Email", "row_key": "CustomerId"}
    return Sample(export, [State({"HighValue": tally.expected()})])


@shape(
    "cdm-manifest", "default.manifest.cdm.json with definitions of its entities, and partitions by pattern"
)
def with_manifest(lake: Lake) -> Sample:
    """Write one entity that names its files, and another with a pattern that matches them."""
    folder = CdmSample(lake.filesystem, lake.path("Model"))
    style, people = Csv(delimiter="|"), {"Listed": lake.people(), "Matched": lake.people(0.5, start=0.5)}
    found, entities = {}, []
    for table, profiles in people.items():
        tally, locations = Tally(), []
        for number, rows in enumerate(_parts(tally.of(customers(profiles)))):
            locations.append(f"{table}/part-{number:05}.csv")
            folder.file(locations[-1], style.content(COLUMNS, rows))
        folder.file(f"{table}/notes.txt", b"no data")
        found[table] = tally.expected()
        entity: dict[str, Any] = {
            "type": "LocalEntity",
            "entityName": table,
            "entityPath": folder.definition(table, COLUMNS),
        }
        traits = {"exhibitsTraits": [style.trait()]}
        if table == "Listed":
            entity["dataPartitions"] = [{"location": location} | traits for location in locations]
        else:
            entity["dataPartitionPatterns"] = [{"rootLocation": table, "globPattern": "/*.csv"} | traits]
        entities.append(entity)
    folder.manifest(entities)
    return Sample({"segments": lake.segments(*people), "email": "Email"}, [State(found)])


@shape("cdm-empty", "an export in which a segment has no file, and another one a file without rows")
def with_empty_segments(lake: Lake) -> Sample:
    """Write two segments whose audiences become empty, which the export file must allow."""
    folder = CdmSample(lake.filesystem, lake.path("LakeExport"), _ADDRESS)
    tallies = {"HighValue": Tally(), "Without files": Tally(), "Without rows": Tally()}
    folder.run("HighValue", COLUMNS, _parts(tallies["HighValue"].of(customers(lake.people()))), _NEW_RUN)
    folder.entity("Without files", COLUMNS, [])
    folder.run("Without rows", COLUMNS, [[]], _NEW_RUN)
    export = {"segments": lake.segments(*tallies), "email": "Email", "guards": {"allow_empty": True}}
    return Sample(export, [State({table: tally.expected() for table, tally in tallies.items()})])


def _parts(batches: Batches) -> Iterator[list[Row]]:
    """Yield the rows of each file: at least two files, as larger tables have."""
    for rows in batches:
        size = min(_PART_ROWS, -(-len(rows) // 2))
        yield from (rows[start : start + size] for start in range(0, len(rows), size))
