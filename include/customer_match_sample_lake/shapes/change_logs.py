"""Change logs: old versions and deleted rows beside the newest ones."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from customer_match_sample_lake.cdm import CdmSample
from customer_match_sample_lake.csv_text import Csv
from customer_match_sample_lake.expected import Expected, Tally
from customer_match_sample_lake.lake import DAYS, Batches, Lake, Row, customers
from customer_match_sample_lake.shape import Sample, State, shape

_NAMES: Final = ("Id", "SinkCreatedOn", "SinkModifiedOn", "Email", "AdsConsent", "versionnumber", "IsDelete")
# One of so many profiles has withdrawn, is deleted, has an older version.
_WITHDRAWN, _DELETED, _OLDER = 7, 11, 3
_CONSENT: Final = {"column": "AdsConsent", "allow": [True]}
_CDC: Final = pa.schema(
    [
        ("__$start_lsn", pa.binary(10)),
        ("__$operation", pa.int32()),
        ("Id", pa.string()),
        ("Email", pa.string()),
    ]
)
_DELETE, _INSERT, _BEFORE, _AFTER = 1, 2, 3, 4  # documented: cdc.<capture_instance>_CT


@dataclass
class _History:
    """Versions of each profile, in order; a tally counts what remains."""

    lake: Lake
    tally: Tally = field(default_factory=lambda: Tally(consent=lambda row: row["AdsConsent"] == "true"))
    superseded: int = 0
    deleted: int = 0

    def of(self, rounds: int = 3) -> Iterator[list[list[Row]]]:
        """Yield batches of profiles, each with its versions, oldest first; none later than the requested round."""
        number = 0
        for rows in customers(self.lake.people()):
            batch = []
            for row in rows:
                versions = _versions(row, number)[:rounds]
                batch.append(versions)
                self._count(versions)
                number += 1
            yield batch

    def expected(self) -> Expected:
        """Return the expected result of a segment of these profiles."""
        return self.tally.expected(superseded=self.superseded, deleted=self.deleted)

    def _count(self, versions: list[Row]) -> None:
        self.superseded += len(versions) - 1
        if versions[-1]["IsDelete"]:
            self.deleted += 1
        else:
            self.tally.add(versions[-1])


def _versions(row: Row, number: int) -> list[Row]:
    """Return one to three versions of a profile; version numbers do not sort as text."""

    def version(place: int, **values: str) -> Row:
        time = f"1/{5 + place}/2026 {1 + number % 12}:{number % 60:02}:00 PM"
        return {
            "Id": str(uuid.UUID(row["CustomerId"]))
            if place % 2
            else str(uuid.UUID(row["CustomerId"])).upper(),
            "SinkCreatedOn": time,
            "SinkModifiedOn": time,
            "versionnumber": str(95 + number % 7 + 10 * place),
            "Email": row["Email"],
            "AdsConsent": "true",
            "IsDelete": "",
        } | values

    found = [version(0)]
    if number % _OLDER == 0:
        found = [version(0, Email="before@example.org"), version(1)]
    if number % _WITHDRAWN == 0:
        found.append(version(len(found), AdsConsent="false"))
    if number % _DELETED == 0 and len(found) < 3:  # noqa: PLR2004 (at most three versions)
        found.append(version(len(found), Email="", AdsConsent="", IsDelete="True"))
    return found


@shape(
    "synapse-link",
    "a Dataverse table that Synapse Link appends to: old and deleted rows beside the newest ones",
)
def append_only(lake: Lake) -> Sample:
    """Write files by the year in which rows were created, so that the newest versions come first."""
    history = _History(lake)
    newest = ([versions[-1] for versions in batch] for batch in history.of())
    older = ([one for versions in batch for one in versions[:-1]] for batch in _History(lake).of())
    container = "dataverse-contoso-unq1"
    address = f"https://contoso.dfs.core.windows.net/{container}"
    folder = CdmSample(lake.filesystem, lake.path(container), address)
    folder.run("HighValue", _NAMES, (part for parts in (newest, older) for part in parts), "2026")
    export = {"segments": lake.segments("HighValue"), "email": "Email", "consent": _CONSENT}
    return Sample(export, [State({"HighValue": history.expected()})])


@shape(
    "synapse-link-folders",
    "incremental folders of Synapse Link: the changes of each interval in one, all together",
)
def incremental(lake: Lake) -> Sample:
    """Write folders of which a run for the past reads only the earlier ones; the unfinished folder does not count."""
    root = "dataverse-contoso-unq2"
    for place, day in enumerate(DAYS):
        changed = (
            [versions[place] for versions in batch if len(versions) > place] for batch in _History(lake).of()
        )
        _folder(lake, f"{root}/{_name(day)}", changed)
    active = f"{DAYS[-1]:%Y-%m-%dT23.45.00Z}"
    lake.csv(f"{root}/{active}/HighValue/2026.csv", [[{"Id": "unfinished"}]], Csv(), _NAMES)
    lake.file(f"{root}/Changelog/changelog.info", active.encode())
    lake.file(f"{root}/Changelog/Synapse.log", ",".join(map(_name, DAYS)).encode())
    lake.file(f"{root}/model.json", _model())
    states = []
    for rounds, day in enumerate(DAYS, 1):
        history = _History(lake)
        for _ in history.of(rounds):
            pass
        states.append(State({"HighValue": history.expected()}, day))
    export = {"segments": lake.segments("HighValue"), "email": "Email", "consent": _CONSENT}
    return Sample(export, [State(states[-1].segments), *states])


@shape(
    "change-data-capture",
    "change data capture of SQL Server, declared by `changes`: states before and after updates",
)
def change_data_capture(lake: Lake) -> Sample:
    """Write rows in no order."""
    history = _History(lake, Tally())
    lake.parquet("HighValue/part-0.parquet", (_as_captured(batch) for batch in history.of()), _CDC)
    history.superseded += sum(
        len(versions) - 1 - bool(versions[-1]["IsDelete"]) for b in _History(lake).of() for versions in b
    )
    changes = {
        "key": "Id",
        "order": ["__$start_lsn", "__$operation"],
        "deleted": {"column": "__$operation", "values": [_DELETE]},
        "ignored": {"column": "__$operation", "values": [_BEFORE]},
    }
    export = {"source": {"changes": changes}, "segments": lake.segments("HighValue"), "email": "Email"}
    return Sample(export, [State({"HighValue": history.expected()})])


def _as_captured(batch: list[list[Row]]) -> list[Row]:
    rows: list[Row] = []
    for versions in batch:
        for place, version in enumerate(versions):
            lsn = int(version["versionnumber"]).to_bytes(10, "big")
            operation = _DELETE if version["IsDelete"] else _AFTER if place else _INSERT
            made = {
                "__$start_lsn": lsn,
                "__$operation": operation,
                "Id": version["Id"],
                "Email": version["Email"],
            }
            rows.insert(0, made)
            if operation == _AFTER:
                rows.append(made | {"__$operation": _BEFORE, "Email": versions[place - 1]["Email"]})
    return rows


def _folder(lake: Lake, folder: str, rows: Batches) -> None:
    lake.csv(f"{folder}/HighValue/2026.csv", rows, Csv(), _NAMES)
    lake.file(f"{folder}/model.json", _model())


def _name(day: datetime) -> str:
    return f"{day:%Y-%m-%dT%H.%M.%SZ}"


def _model() -> bytes:
    attributes = [{"name": name, "dataType": "string"} for name in _NAMES]
    entity: dict[str, Any] = {"$type": "LocalEntity", "name": "HighValue", "attributes": attributes}
    return json.dumps({"name": "cdm", "version": "1.0", "entities": [entity]}).encode()
