"""Everything that decides who is a member, at once, against plain Python.

Tables are written in every format that needs no log, opened, read, joined, filtered, normalised and freed of
suppressed people as in a run. What must come of it is told again below, row by row, by the definitions alone
(`reference.py` for addresses), without Arrow, polars or SQL.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.addresses.definition import Policy, Rejection, Take, judge, judge_row, split_values
from customer_match.export.model import Export
from customer_match.export.people import Addresses
from customer_match.export.segments import Segment
from customer_match.export.sources import Source
from customer_match.members.files import read_members
from customer_match.profiles.join import Joined
from customer_match.profiles.reading import suppression_read_spec_of
from customer_match.profiles.segment_rows import segment_rows
from customer_match.profiles.staging import Staged, stage_members
from customer_match.profiles.suppression import Suppressed
from customer_match.tables.opening import open_table
from customer_match_sample_lake.cdm import CdmSample
from tests.memory_storage import MemoryStorage

LOCAL: Final = LocalFileSystem()
Row = dict[str, Any]

HASH = "0123456789abcdef" * 4
ADDRESSES = st.sampled_from(
    [
        *("ann@contoso.com", " Ann@Contoso.COM", "a.n.n+x@contoso.com", "josé@bücher.de", "bob@fabrikam.example"),
        *(HASH, HASH.upper(), HASH[1:], "n/a", "", "  ", "@contoso.com", "x" * 65 + "@contoso.com", "a,b\"c\n@d.e"),
    ]
)  # fmt: skip
CELLS = st.none() | ADDRESSES
GUID = "ce759201-f786-d590-bf21-34bff576c369"
IDS = st.sampled_from(
    [*("1", "2", " 2 ", "3", "007", GUID, GUID.upper(), GUID.replace("-", ""), f"{{{GUID}}}", "a@b.c"), "", None]
)  # fmt: skip
PROFILE = st.fixed_dictionaries(
    {
        "Id": IDS,
        "Email": CELLS,
        "Second": CELLS,
        "Listed": st.none() | st.lists(CELLS, max_size=3),
        "Joined": st.none() | st.lists(ADDRESSES, max_size=3).map(";".join),
        "Country": st.sampled_from(["DE", "de", "fr", "", None]),
        "Level": st.sampled_from([0, 1, 2, None]),
        "Ads": st.sampled_from([True, False, None]),
        "Status": st.sampled_from(["granted", " GRANTED ", "no", None]),
    }
)
TYPES = {
    "Id": pa.string(),
    "Email": pa.string(),
    "Second": pa.dictionary(pa.int8(), pa.large_string()),
    "Listed": pa.large_list(pa.string()),
    "Joined": pa.string_view(),
    "Country": pa.string(),
    "Level": pa.int16(),
    "Ads": pa.bool_(),
    "Status": pa.large_string(),
}
CONDITIONS: dict[str, Callable[[Row], bool]] = {
    "country = 'DE'": lambda row: row["Country"] == "DE",
    "Country <> 'DE' OR Country IS NULL": lambda row: row["Country"] != "DE",
    "NOT (Country IN ('DE', 'fr'))": lambda row: row["Country"] not in (None, "DE", "fr"),
    "TRY_CAST(Level AS INTEGER) >= 1": lambda row: row["Level"] not in (None, "") and int(row["Level"]) >= 1,
    "Email LIKE '%contoso%' AND Email IS NOT NULL": lambda row: "contoso" in (row["Email"] or ""),
}
CONSENTS: list[tuple[str, list[Any]]] = [("ads", [True]), ("Level", [1, 2]), ("Status", ["Granted", "yes"])]
MEMBERSHIPS = st.lists(
    st.fixed_dictionaries(
        {
            "msdynci_customerid": IDS,
            "msdynci_segments": st.sampled_from(
                [
                    *(
                        '{"Segments":["Gold","Silver"]}',
                        '{"Segments":["Silver"]}',
                        '["Gold"]',
                        "Gold",
                        "gold",
                    ),
                    *('{"segments": ["Go\\u006cd"]}', '{"Segments":["Gold"', '{"Segments":null}', "", None),
                ]
            ),
            "Kind": st.sampled_from(["Customer", "Contact", None]),
        }
    ),
    max_size=8,
)
UNREADABLE = '{"Segments":["Gold"'


@dataclass(frozen=True)
class Case:
    """What the export file says, and what the tables hold."""

    profiles: list[Row]
    format: str
    columns: list[str]
    take: Take
    separated: bool
    policy: Policy
    where: str | None
    consent: tuple[str, list[Any]] | None
    never: list[str | None]
    memberships: list[Row] | None
    kind: bool
    batch_rows: int = 3

    @property
    def is_text(self) -> bool:
        """Whether all values are text, and null is an empty one."""
        return self.format in ("csv", "cdm")

    def export(self) -> Export:
        joins = {"profiles": {"table": "People", "key": "ID"}, "membership": {"table": "Memberships"}}
        return Export.model_validate(
            {
                "name": "a",
                "cid": 1,
                "aid": 2,
                "source": "lake",
                "segments": ["Gold"],
                "email": {
                    "columns": self.columns,
                    "take": self.take,
                    "separator": ";" if self.separated else None,
                },
                "normalisation": self.policy,
                "where": "Kind = 'Customer'" if self.kind else self.where,
                "consent": {"column": self.consent[0], "allow": self.consent[1]} if self.consent else None,
                "row_key": "id",
                **({} if self.memberships is None else joins),
            }
        )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    form = draw(st.sampled_from(["parquet", "hive", "csv", "cdm"]))
    columns = ["Email", "Second", "Joined"] + ([] if form in ("csv", "cdm") else ["Listed"])
    memberships = draw(st.none() | MEMBERSHIPS)
    return Case(
        profiles=draw(st.lists(PROFILE, max_size=10)),
        format=form,
        columns=draw(st.lists(st.sampled_from(columns), min_size=1, max_size=3, unique=True)),
        take=draw(st.sampled_from(Take)),
        separated=draw(st.booleans()),
        policy=draw(st.sampled_from(Policy)),
        where=draw(st.sampled_from([None, *CONDITIONS])),
        consent=draw(st.sampled_from([None, *CONSENTS])),
        never=draw(st.lists(CELLS, max_size=3)),
        memberships=memberships,
        kind=memberships is not None and draw(st.booleans()),
    )


# --- The tables, as programs of other people write them ---------------------------------------------------------


def written(root: Path, case: Case) -> None:
    rows, half = case.profiles, len(case.profiles) // 2
    texts = [{name: text(row[name]) for name in TYPES if name != "Listed"} for row in rows]
    (root / "People").mkdir(parents=True)
    if case.format == "cdm":
        names = [name for name in TYPES if name != "Listed"]
        CdmSample(LOCAL, str(root)).run("People", names, [texts[:half], texts[half:]], "2026/11/22/0215")
    elif case.format == "csv":
        with (root / "People/a.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, [name for name in TYPES if name != "Listed"])
            table.writeheader()
            table.writerows(texts)
    elif case.format == "parquet":
        parquet(root / "People/a.parquet", rows[:half], TYPES)
        parquet(root / "People/b.parquet", rows[half:], TYPES)
    else:  # Hive: the country is told by folders alone
        types = {name: kind for name, kind in TYPES.items() if name != "Country"}
        countries: dict[str | None, list[Row]] = {None: []}
        for row in rows:
            countries.setdefault(row["Country"] or None, []).append(row)
        for country, part in countries.items():
            folder = root / f"People/Country={country or '__HIVE_DEFAULT_PARTITION__'}"
            folder.mkdir()
            parquet(folder / "part-0.parquet", part, types)
    parquet(root / "Never.parquet", [{"Email": value} for value in case.never], {"Email": pa.string()})
    if case.memberships is not None:
        parquet(
            root / "Memberships.parquet",
            case.memberships,
            dict.fromkeys(("msdynci_customerid", "msdynci_segments", "Kind"), pa.string()),
        )


def parquet(path: Path, rows: list[Row], types: dict[str, pa.DataType]) -> None:
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()}
    pq.write_table(pa.table(columns), path, row_group_size=4)


def text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


# --- The way of a run -------------------------------------------------------------------------------------------


def staged_by_a_run(root: Path, case: Case, storage: MemoryStorage) -> Staged:
    export = case.export()

    def opened(_: Source, name: str, path: str | None, key: str, /) -> Any:
        assert path is None
        assert key
        whole = root / ("People" if name == "Gold" else name)
        if case.format == "cdm" and whole.name == "People":
            return open_table(LOCAL, str(root / "model.json/People"))
        return open_table(LOCAL, str(whole if whole.is_dir() else whole.with_suffix(".parquet")))

    segment = Segment(table="Gold", audience="Gold")
    rows = segment_rows(export, segment, opened)
    never = open_table(LOCAL, str(root / "Never.parquet"))
    with Suppressed(case.policy) as suppressed, rows.read(may_be_unlisted=True) as read:
        listed = suppression_read_spec_of(Addresses(columns=("email",)), never.columns())
        suppressed.read(never.batches(listed.emails), listed, "Never", allow_empty=True)
        return stage_members(
            cut(read.batches, case.batch_rows),
            rows.reading,
            case.policy,
            storage,
            "members",
            suppressed=suppressed,
            rejects_path="rejects",
            joined=read.joined,
        )


def cut(batches: Iterable[pa.RecordBatch], rows: int) -> Iterable[pa.RecordBatch]:
    for batch in batches:
        yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))


# --- The same, told again ---------------------------------------------------------------------------------------


@dataclass
class Told:
    """What must come of a case."""

    counts: Counter[str] = field(default_factory=Counter)
    rejected: Counter[Rejection] = field(default_factory=Counter)
    digests: list[bytes] = field(default_factory=list)
    addresses: list[tuple[bytes, ...]] = field(default_factory=list)
    rejects: list[tuple[str | None, str]] = field(default_factory=list)
    joined: dict[str, int] | None = None


def same_id(value: str | None) -> str | None:
    plain = (value or "").strip()
    bare = re.sub(r"[-{}]", "", plain).lower()
    return (bare if re.fullmatch(r"[0-9a-f]{32}", bare) else plain) or None


def lists_gold(value: str | None) -> bool:
    if value == "Gold":
        return True
    if not value or value[0] not in "[{" or value == UNREADABLE:
        return False
    found = json.loads(value)
    return "Gold" in (next(iter(found.values())) or [] if isinstance(found, dict) else found)


def told(case: Case) -> Told:
    what, profiles = Told(), [as_read(row, case) for row in case.profiles]
    where = CONDITIONS[case.where] if case.where and not case.kind else lambda _: True
    if case.memberships is not None:
        wanted = customers(case, what)
        profiles = [row for row in profiles if same_id(row["Id"]) in wanted]
    what.counts["profiles"] += len(profiles)
    for row in profiles:
        if not where(row):
            what.counts["filtered"] += 1
        elif not consents(row, case):
            what.counts["without_consent"] += 1
        else:
            judge_addresses(row, case, what)
    return what


def as_read(row: Row, case: Case) -> Row:
    if case.is_text:
        return {name: value if name == "Listed" else text(value) for name, value in row.items()}
    return {**row, "Country": row["Country"] or None} if case.format == "hive" else row


def customers(case: Case, what: Told) -> set[str]:
    rows = case.memberships or []
    listed = [row for row in rows if lists_gold(row["msdynci_segments"])]
    kept = [row for row in listed if not case.kind or row["Kind"] == "Customer"]
    ids = {one for row in kept if (one := same_id(row["msdynci_customerid"])) is not None}
    what.joined = {
        "rows": len(listed),
        "filtered": len(listed) - len(kept),
        "without_consent": 0,
        "without_id": sum(same_id(row["msdynci_customerid"]) is None for row in kept),
        "customers": len(ids),
        "without_profile": len(ids - {same_id(row["Id"]) for row in case.profiles}),
        "unreadable": sum(row["msdynci_segments"] == UNREADABLE for row in rows),
    }
    what.counts.update(profiles=len(listed) - len(kept), filtered=len(listed) - len(kept))
    return ids


def consents(row: Row, case: Case) -> bool:
    if case.consent is None:
        return True
    column, allow = case.consent
    value = row[column.title()]
    return value is not None and text(value).strip().lower() in [text(one).lower() for one in allow]


def judge_addresses(row: Row, case: Case, what: Told) -> None:
    values = split_values([row[name] for name in case.columns], ";" if case.separated else None)
    verdict = judge_row(values, case.policy, case.take)
    what.digests += verdict.digests
    each = [judge(value, case.policy).digests for value in values]
    what.addresses += [digests for digests in each if digests and set(digests) <= set(verdict.digests)]
    if verdict.rejection:
        what.rejected[verdict.rejection] += 1
        key = row["Id"]
        what.rejects.append((None if key and "@" in key else key, str(verdict.rejection)))


def check(case: Case) -> None:
    storage = MemoryStorage()
    with TemporaryDirectory() as folder:
        written(Path(folder), case)
        staged, what = staged_by_a_run(Path(folder), case, storage), told(case)
    never = {digest for value in case.never for digest in judge(value, case.policy).digests}
    # Whoever is listed is out with all digests, though the list may have but one of them.
    kept_out = {digest for one in what.addresses if not never.isdisjoint(one) for digest in one}
    members = [row.tobytes() for part in read_members(storage, staged.members) for row in part]
    assert members == sorted(set(what.digests) - kept_out)
    assert {name: getattr(staged, name) for name in ("profiles", "filtered", "without_consent")} == {
        name: what.counts[name] for name in ("profiles", "filtered", "without_consent")
    }
    assert staged.rejected == what.rejected
    assert staged.valid == staged.considered - what.rejected.total()
    assert (staged.suppressed, staged.duplicates) == (
        len(kept_out),
        len(what.digests) - len(set(what.digests)),
    )
    assert staged.joined == (Joined(**what.joined) if what.joined is not None else None)
    with storage.open_input("rejects") as file:
        found = pq.ParquetFile(file).read().to_pylist()
    assert Counter((row["key"], row["reason"]) for row in found) == Counter(what.rejects)


@pytest.mark.slow
@settings(max_examples=30)
@given(case=cases())
def test_the_members_are_those_of_plain_python(case: Case) -> None:
    check(case)


@pytest.mark.lengthy
@pytest.mark.slow
@settings(max_examples=300)
@given(case=cases())
def test_the_members_are_those_of_plain_python_in_many_cases(case: Case) -> None:
    check(case)
