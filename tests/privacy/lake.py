"""A lake full of canaries: addresses that no run may leave behind, in every format, place and kind of fault."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from fsspec.implementations.local import LocalFileSystem

from customer_match_sample_lake.names import names
from customer_match_sample_lake.people import Profiles
from customer_match_sample_lake.registry import SHAPES
from customer_match_sample_lake.samples import Samples
from tests.customer_match.tables import test_bad_inputs as bad_inputs
from tests.privacy.needles import Needles, digests_of

__all__ = ["CANARY", "ENCRYPTED", "FAULTY", "CanaryLake", "write_lake"]

CANARY = "zqcanary"
"""Every canary that this module makes begins so."""

_PROFILES = 30
_FIRST, _LAST = 500, 1_400  # numbers of the customers of the sample lakes: more than they have
_DAY = "2026-11-29"

FAULTY = {
    "broken": "tables that cannot be read, and some that can",
    "places": "addresses in other columns, names, values of partitions, footers",
    "conditions": "addresses in consent and in suppression lists",
    "refused": "addresses in the export file itself",
    "guarded": "stopped by a guard",
}
"""The exports with faults, beside those of the sample lakes."""

ENCRYPTED = ("encrypted", "encrypted-guarded")
"""Exports that encrypt their files of members, in a workspace of their own; the second fails after it has staged."""


@dataclass(frozen=True)
class CanaryLake:
    """The lake.

    Attributes:
        folder: Its folder, with the folder `exports`.
        needles: What no run may leave behind.
    """

    folder: Path
    needles: Needles

    @property
    def exports(self) -> Path:
        return self.folder / "exports"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def encrypted(self) -> Path:
        """The workspace of the exports that encrypt."""
        return self.folder / "encrypted"


def write_lake(folder: Path, secrets: Iterable[str] = ()) -> CanaryLake:
    """Write the lake, with all sample lakes.

    Args:
        folder: Where.
        secrets: Further words that no run may leave behind.
    """
    samples = Samples(LocalFileSystem(), str(folder), str(folder), profiles=_PROFILES)
    samples.write(SHAPES.values(), lambda *_: None)
    writer = _Writer(folder)
    for name in FAULTY:
        getattr(writer, name)()
    writer.encrypted()
    people = Profiles.first(_LAST - _FIRST, start=_FIRST).numbers
    local_parts = names(people, samples.seed).local_part.to_pylist()
    values = [
        value
        for batch in Profiles.first(_LAST - _FIRST, start=_FIRST).batches()
        for value in batch["Email"].to_pylist()
    ]
    words = {*local_parts, CANARY, bad_inputs.PERSON.partition("@")[0], *secrets}
    return CanaryLake(
        folder, Needles(frozenset(words), digests_of([*filter(None, values), *writer.addresses]))
    )


class _Writer:
    """Writes the exports with faults."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.addresses: set[str] = {bad_inputs.PERSON}

    def address(self, name: str) -> str:
        """Make a canary."""
        address = f"{CANARY}.{name}@example.com"
        self.addresses.add(address)
        return address

    def broken(self) -> None:
        """Each broken table of the tests of tables is a segment."""
        root = self.folder / "lakes" / "broken"
        segments = []
        plain = [
            case for case in bad_inputs.CASES if case.at.startswith("t") and not set(case.at) & set("*?[")
        ]
        for number, case in enumerate(plain):
            (root / str(number)).mkdir(parents=True)
            bad_inputs.write(root / str(number) / "t", case.files)
            segments.append({"table": f"{number}/{case.at}", "audience": f"Broken {number}"})
        self._export("broken", segments=segments, guards={"max_rejected": 1.0})

    def places(self) -> None:
        root = self.folder / "lakes" / "places"
        note = pa.table(
            {
                "Id": [self.address("id"), "2"],
                "Email": [self.address("email"), f"broken {self.address('broken')} <{self.address('named')}"],
                "Note": [self.address("note"), None],
                self.address("column"): ["1", "2"],
            }
        )
        footer = {"pandas": json.dumps({"by": self.address("footer")}), "writer": self.address("writer")}
        _parquet(root / "Other columns" / "a.parquet", note.replace_schema_metadata(footer))
        partition = root / "Partitions" / f"Owner={self.address('partition')}" / "a.parquet"
        _parquet(partition, note.select(["Id", "Email"]))
        _parquet(root / self.address("table") / "a.parquet", note)
        _parquet(root / "Files" / f"{self.address('file')}.parquet", note)
        _text(root / "Wide rows.csv", f"Id,Email\n1,{self.address('wide')},{self.address('third')}\n")
        _text(root / "Quote.csv", f'Id,Email\n1,"{self.address("quote")}\n2,{self.address("after")}\n')
        _text(root / "No column.csv", f"Id,{self.address('header')}\n1,{self.address('below')}\n")
        (root / "Bytes.csv").write_bytes(f"Id,Email\n1,{self.address('bytes')}\xe9".encode("latin-1"))
        self._export("places", segments="all", guards={"max_rejected": 1.0})

    def conditions(self) -> None:
        root = self.folder / "lakes" / "conditions"
        columns = {
            "Id": ["1", "2", "3"],
            "Email": [self.address("allowed"), self.address("denied"), self.address("listed")],
            "Agreed": ["yes", self.address("answer"), "yes"],
        }
        _parquet(root / "People" / "a.parquet", pa.table(columns))
        _text(root / "listed.csv", f"Mail\n{self.address('listed')}\n{self.address('odd')} and more\n")
        self._export(
            "conditions",
            segments=["People"],
            where="Email <> 'x'",
            consent={"column": "Agreed", "allow": ["yes"]},
            suppress=[{"table": "listed.csv", "email": "Mail"}],
            guards={"max_suppress_unusable": 1.0},
        )

    def refused(self) -> None:
        """The file is not valid because of them."""
        where = f"Email <> '{self.address('where')}' AND Id <> '{self.address('where-id')}'"
        self._export("refused", segments=["People"], where=where, title=self.address("title"))

    def guarded(self) -> None:
        root = self.folder / "lakes" / "guarded"
        rejected = [self.address("guard"), *(f"{self.address('rejected')} {i}" for i in range(300))]
        _parquet(root / "Rejected" / "a.parquet", pa.table({"Email": rejected}))
        self._export("guarded", segments=["Rejected"])

    def encrypted(self) -> None:
        for name in ENCRYPTED:
            people = [self.address(f"{name}-{number}") for number in range(300)]
            people += [f"{people[0]} rejected"] * (1_000 if name == ENCRYPTED[1] else 0)
            _parquet(self.folder / "lakes" / name / "People" / "a.parquet", pa.table({"Email": people}))
            self._export(
                name,
                segments=[{"table": "People", "audience": name}],
                encrypt_members=True,
                workspace={"root": str(self.folder / "encrypted")},
                route="bulk",
            )

    def _export(self, name: str, **changes: Any) -> None:
        values: Mapping[str, Any] = {
            "cid": 190000001,
            "aid": 180000001,
            "source": {"root": str(self.folder / "lakes" / name)},
            "email": "Email",
            "retries": 0,
            "workspace": {"root": str(self.folder / "workspace")},
            "alerts": [{"email": {"to": "marketing@contoso.com", "connection": "mail"}}, {"webhook": "web"}],
            **changes,
        }
        (self.folder / "exports" / f"{name}.yaml").write_text(yaml.safe_dump(values, allow_unicode=True))


def _parquet(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
