"""Broken and odd tables, one row each: what is written, and what must come of it.

Three ends are allowed: the table is read right; its bad rows are counted as rejected; or an error of our families
says where the fault is and what to do, and shows no value of the table.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.addresses.definition import Policy
from customer_match.addresses.engine import digest_batch
from customer_match.errors import ConfigurationError, CustomerMatchError, TransientError
from customer_match.export.matching import segments_of
from customer_match.export.model import Export
from customer_match.tables.columns import resolve_column
from customer_match.tables.csv.dialect import CsvDialect
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from customer_match_sample_lake.cdm import CdmSample
from customer_match_sample_lake.delta import DeltaSample

pytestmark = pytest.mark.bad_input

LOCAL = LocalFileSystem()
PERSON = "ann.secret@example.org"
GOOD = f"Id,Email\n1,{PERSON}\n"
MANY = [f"person{number}@example.org" for number in range(20_000)]
REMEDIES = (
    "Let ",
    "let ",
    "Have ",
    "have ",
    "Move ",
    "Correct",
    "Name ",
    "Rename",
    "Set ",
    "set ",
    "Put ",
    "Write",
    "Restore",
    "restore",
    "Run the export",
    "List ",
)

Written = dict[str, Any]


@dataclass(frozen=True)
class Right:
    """Read right: so many rows, all of them members."""

    rows: int = 1


@dataclass(frozen=True)
class Counted:
    """Read right: so many members, the other rows counted by reason."""

    valid: int
    rejected: dict[str, int]


@dataclass(frozen=True)
class Refused:
    """An error whose message has these words."""

    words: tuple[str, ...]
    family: type[CustomerMatchError] = ConfigurationError


def refused(*words: str) -> Refused:
    return Refused(words)


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Attributes:
        name: Of the row.
        files: Written below a folder `t`: bytes or text, columns of a Parquet file, or a function that writes.
        end: What must come.
        at: The table's path.
        format: As in the export file.
        dialect: As in the export file.
        column: The e-mail column in the export file.
        meanwhile: Done after the first batch, when the rest is not yet read.
    """

    name: str
    files: Written | Callable[[Path], None]
    end: Right | Counted | Refused
    at: str = "t"
    format: Any = "auto"
    dialect: CsvDialect = field(default_factory=CsvDialect)
    column: str = "Email"
    meanwhile: Callable[[Path], None] | None = None


def one(content: object, name: str = "a.csv") -> Written:
    return {name: content}


def parquet(columns: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), buffer, **options)
    return buffer.getvalue()


def zipped(name: str, content: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def binary_text(*values: bytes) -> pa.Array:
    raw = pa.array(values, pa.binary())
    return pa.StringArray.from_buffers(len(raw), *raw.buffers()[1:])


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 0xFF
    return bytes(changed)


PLAIN = parquet({"Id": [1], "Email": [PERSON]})
LARGE = parquet({"Email": MANY}, compression="none", use_dictionary=False, write_page_checksum=True)
TWICE = parquet(pa.Table.from_arrays([pa.array([PERSON]), pa.array(["x"])], names=["Email", "Email"]))


def link_out(folder: Path) -> None:
    (folder.parent / "secret.csv").write_text(GOOD)
    (folder / "a.csv").symlink_to(folder.parent / "secret.csv")


def link_to_a_folder_out(folder: Path) -> None:
    (folder.parent / "secret").mkdir()
    (folder.parent / "secret/a.csv").write_text(GOOD)
    (folder / "sub").symlink_to(folder.parent / "secret")
    (folder / "b.csv").write_text(GOOD)


def endless_link(folder: Path) -> None:
    (folder / "a.csv").write_text(GOOD)
    (folder / "again").symlink_to(folder)


def broken_link(folder: Path) -> None:
    (folder / "a.csv").symlink_to(folder / "nowhere.csv")


def delta(change: Callable[[Path], None]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        sample = DeltaSample(LOCAL, str(folder), columns={"Id": pa.int64(), "Email": pa.string()})
        for number in range(3):
            sample.append([{"Id": number, "Email": f"p{number}@example.org"}])
        change(folder)

    return write


def log(folder: Path, version: int) -> Path:
    return folder / f"_delta_log/{version:020d}.json"


def delta_path(path: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        lines = [json.loads(line) for line in log(folder, 2).read_text().splitlines()]
        for line in lines:
            if "add" in line:
                line["add"]["path"] = path
        log(folder, 2).write_text("\n".join(map(json.dumps, lines)))

    return delta(change)


def column_of_half_a_letter(folder: Path) -> None:
    log(folder, 0).write_text(log(folder, 0).read_text().replace('\\"Id\\"', '\\"\\\\ud800\\"'))


def delta_without_files(folder: Path) -> None:
    for file in folder.glob("*.parquet"):
        file.unlink()


def cdm(
    location: str | None = None,
    model: str | None = None,
    text: str | None = None,
    change: Callable[[dict[str, Any]], object] | None = None,
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        sample = CdmSample(LOCAL, str(folder))
        sample.run("Gold", ("Id", "Email"), [[{"Id": "1", "Email": PERSON}]], "2026/11/22/0215")
        own = json.loads((folder / "model.json").read_text())
        if location is not None:
            own["entities"][0]["partitions"][0]["location"] = location
        if change is not None:
            change(own)
        (folder / "model.json").write_text(json.dumps(own) if model is None else model)
        if text is not None:
            (folder / "Gold/2026/11/22/0215/Gold_1.csv").write_text(text)

    return write


def manifest(entity: dict[str, Any], own: str = "default") -> dict[str, str]:
    """A manifest of one entity `Gold`, whose file is there."""
    gold = {"entityName": "Gold", "entityPath": "Gold.cdm.json/Gold", **entity}
    columns = [{"name": "Id"}, {"name": "Email"}]
    definition = {"definitions": [{"entityName": "Gold", "hasAttributes": columns}]}
    return {
        f"{own}.manifest.cdm.json": json.dumps({"entities": [gold]}),
        "Gold.cdm.json": json.dumps(definition),
        "Gold/1.csv": f"1,{PERSON}\n",
        "Gold/old.csv": "1,old@example.org\n",
    }


NAMED = {"dataPartitions": [{"location": "Gold/1.csv"}]}


def sub_manifest(definition: object) -> dict[str, str]:
    whole = {"entities": [], "subManifests": [{"definition": definition}]}
    return {**manifest(NAMED, "Sub"), "default.manifest.cdm.json": json.dumps(whole)}


def next_rewritten(folder: Path) -> None:
    (folder / "b.parquet").write_bytes(parquet({"Email": ["other@example.org"]}))


def rewritten(folder: Path) -> None:
    (folder / "new").write_bytes(parquet({"Email": ["other@example.org"]}))
    (folder / "new").replace(folder / "a.parquet")


GZ = gzip.compress(GOOD.encode())

CASES = [
    # --- Nothing, or not what it seems
    Case("nothing there", {}, refused("no file or folder"), at="nowhere"),
    Case("empty folder", {}, refused("holds no Parquet or CSV files")),
    Case("bookkeeping only", {"_SUCCESS": ""}, refused("1 other files")),
    Case("zero bytes, CSV", one(""), refused("a.csv", "0 bytes")),
    Case("zero bytes, Parquet", one("", "a.parquet"), refused("a.parquet", "0 bytes")),
    Case("zero bytes beside good files", {"a.csv": GOOD, "b.csv": ""}, refused("b.csv", "0 bytes")),
    Case(
        "wrong magic",
        one(b"PAR2" + PLAIN[4:-4] + b"PAR2", "a.parquet"),
        refused("a.parquet", "not a complete"),
    ),
    Case("CSV named Parquet", one(GOOD, "a.parquet"), refused("a.parquet", "name it .csv")),
    Case("Parquet named CSV", one(PLAIN), refused("a.csv", "a Parquet file")),
    Case("workbook named CSV", one(zipped("xl/workbook.xml", PERSON)), refused("a.csv", "Excel workbook")),
    Case("old workbook named CSV", one(b"\xd0\xcf\x11\xe0" * 9), refused("a.csv", "Excel workbook")),
    Case("zip of CSV", one(zipped("a.csv", GOOD), "a.csv.zip"), refused(".zip", "cannot be read")),
    Case("tar of CSV", one(b"x", "a.tar.gz"), refused("a.tar.gz", "cannot be read"), at="t/a.tar.gz"),
    Case("JSON lines", one(json.dumps({"Email": PERSON}), "a.jsonl"), refused(".jsonl", "cannot be read")),
    Case("JSON named CSV", one(json.dumps({"Email": PERSON})), refused("a.csv", "is JSON, not CSV")),
    Case(
        "web page named CSV", one("<html>\n<body>Sign in</body></html>"), refused("a.csv", "is XML or HTML")
    ),
    Case("zero bytes inside", one("Id,Email\n1,\0\n"), refused("a.csv", "not text")),
    Case("two formats", {"a.csv": GOOD, "a.parquet": PLAIN}, refused("csv and parquet files")),
    # --- Cut and damaged
    Case("Parquet cut at its head", one(PLAIN[:3], "a.parquet"), refused("a.parquet", "truncated")),
    Case(
        "Parquet cut in the middle",
        one(LARGE[: len(LARGE) // 2], "a.parquet"),
        refused("a.parquet", "truncated"),
    ),
    Case("Parquet cut by a byte", one(PLAIN[:-1], "a.parquet"), refused("a.parquet", "truncated")),
    Case(
        "Parquet with a damaged page", one(flipped(LARGE, len(LARGE) // 2), "a.parquet"), refused("a.parquet")
    ),
    Case(
        "Parquet with a wild footer length",
        one(PLAIN[:-8] + b"\xff\xff\xff\x7fPAR1", "a.parquet"),
        refused("a.parquet", "damaged"),
    ),
    Case(
        "encrypted Parquet",
        one(b"PARE" + PLAIN[4:-4] + b"PARE", "a.parquet"),
        refused("a.parquet", "encrypted"),
    ),
    Case("gzip", one(GZ, "a.csv.gz"), Right()),
    Case("gzip of two members", one(GZ + gzip.compress(b"2,b@example.org\n"), "a.csv.gz"), Right(2)),
    Case("gzip under a plain name", one(GZ), Right()),
    Case("gzip named, but plain", one(GOOD, "a.csv.gz"), Right()),
    Case("gzip cut", one(GZ[:-5], "a.csv.gz"), refused("a.csv.gz", "truncated")),
    Case("gzip with a wrong checksum", one(flipped(GZ, -6), "a.csv.gz"), refused("a.csv.gz", "damaged")),
    Case("gzip with something behind", one(GZ + b"x" * 9, "a.csv.gz"), refused("a.csv.gz", "something else")),
    Case(
        "gzip bomb",
        one(gzip.compress(b"Id,Email\n" + (b"1," + b"x" * 9_000 + b"\n") * 8_000), "a.csv.gz"),
        refused("a.csv.gz", "gzip bomb"),
    ),
    # --- First lines that are no header
    *(
        Case(f"first line of {name}", one(content), Right())
        for name, content in {
            "Excel": f"sep=;\nId;Email\n1;{PERSON}\n",
            "Excel, with commas in the values": f"sep=;\nId;Note;Email\n1;a,b,c,d;{PERSON}\n",
            "Excel, which wins over what looks likelier": f"sep=|\nId|a,b,Email\n1|{PERSON}\n".replace(
                "a,b,", ""
            ),
            "Excel, in quotation marks": f'"sep=;"\r\nId;Email\r\n1;{PERSON}\r\n',
            "Excel, with a mark and tabs": f"\ufeffSEP=\t\nId\tEmail\n1\t{PERSON}\n",
            "Excel, as wide as the table": f"sep=,,\nId,Email,Tier\n1,{PERSON},\n",
            "Excel, as Unicode text": f"sep=;\r\nId;Email\r\n1;{PERSON}\r\n".encode("utf-16"),
            "Excel, packed": gzip.compress(f"sep=;\nId;Email\n1;{PERSON}\n".encode()),
            "Excel, in a single column": f"sep=;\nEmail\n{PERSON}\n",
            "PowerShell": f'#TYPE System.Management.Automation.PSCustomObject\r\n"Id","Email"\r\n"1","{PERSON}"\r\n',
            "PowerShell, then Excel": f"#TYPE Selected.X\nsep=;\nId;Email\n1;{PERSON}\n",
            "comments": f"# Export of 2026-11-29, by CRM\n# 2 rows\n\nId,Email\n1,{PERSON}\n",
            "comments without a space": f"#exported\n#by CRM\nId,Email\n1,{PERSON}\n",
            "comments of the table's width": f"# a,b\nId,Email\n1,{PERSON}\n",
            "nothing": f"\r\n\r\nId,Email\r\n1,{PERSON}\r\n",
            "names that begin with a number sign": f"# Id,Email\n1,{PERSON}\n",
            "a column that is called so": f"#,Email\n#1,{PERSON}\n",
        }.items()
    ),
    Case(
        "a delimiter that Excel is told and the export file denies",
        one(f"sep=;\nEmail;Id\n{PERSON};,\n"),
        Right(),
        dialect=CsvDialect(delimiter=","),
    ),
    Case(
        "a header that names a column by a number sign", one(f"#Email\n{PERSON}\n"), Right(), column="#email"
    ),
    Case(
        "a first line for Excel without a header",
        one(f"sep=;\n1;{PERSON}\n"),
        Right(),
        column="2",
        dialect=CsvDialect(header=False),
    ),
    Case(
        "a first line for Excel that names no delimiter",
        one(f"sep=ab\nIdabEmail\n1ab{PERSON}\n"),
        refused("a.csv", "first line is 'sep=ab'", "csv.delimiter"),
    ),
    Case(
        "a first line for Excel that names nothing",
        one(f"sep=\nId;Email\n1;{PERSON}\n"),
        refused("a.csv", "first line is 'sep='"),
    ),
    *(
        Case(
            f"a title{name}", one(content), refused("a.csv", "first line", "'Export of 2026-11-29'", "title")
        )
        for name, content in {
            "": f"Export of 2026-11-29\nId,Email\n1,{PERSON}\n",
            " and a blank line": f"Export of 2026-11-29\n\nId;Email\n1;{PERSON}\n",
            " of the table's width": f"Export of 2026-11-29,\nId,Email\n1,{PERSON}\n",
        }.items()
    ),
    Case(
        "a title after a line for Excel",
        one(f"sep=;\nExport;;\nId;Email;x\n1;{PERSON};\n"),
        refused("Line 2 of ", "'Export'"),
    ),
    Case("a title with an address", one(f"For {PERSON}\nId,Email\n1,x\n"), refused("a.csv", "no header row")),
    Case(
        "a title with an address in another spelling",
        one("For ann.secret%40example.org\nId,Email\n1,x\n"),
        refused("a.csv", "'[a value]'"),
    ),
    Case(
        "a title in one file",
        {"a.csv": GOOD, "b.csv": f"Export of May\n{GOOD}"},
        refused("b.csv", "is missing", "'Export of May'"),
    ),
    # --- Columns
    Case("no such column", one(f"Id,Mail\n1,{PERSON}\n"), refused("no column 'Email'", "'Mail'")),
    Case("no header", one(f"1,{PERSON}\n2,x\n"), refused("a.csv", "csv.header: false")),
    Case(
        "no header, and told so", one(f"1,{PERSON}\n"), Right(), dialect=CsvDialect(header=False), column="2"
    ),
    Case(
        "fewer columns than are named",
        one(f"1,{PERSON}\n"),
        refused("a.csv", "row 1", "columns are 3"),
        dialect=CsvDialect(names=("Id", "Name", "Email")),
    ),
    Case(
        "a header in another order than the given names",
        one(f"OldEmail,Email\n{PERSON},x\n"),
        refused("a.csv", "in another order", "csv.columns"),
        dialect=CsvDialect(names=("Email", "OldEmail")),
    ),
    Case(
        "header with accents in two pieces",
        one(f"Id,E-Mail-Adresse fu\u0308r Werbung\n1,{PERSON}\n"),
        Right(),
        column="e-mail-adresse für werbung",
    ),
    Case(
        "views of lists",
        one(parquet({"Email": pa.array([[PERSON], [], None], pa.list_view(pa.string()))}), "a.parquet"),
        Counted(1, {"missing": 2}),
    ),
    Case("blank header", one("\n,\n"), refused("a.csv", "blank")),
    Case("duplicate headers", one(f"Email,Id,Email\n{PERSON},1,x\n"), refused("a.csv", "appears twice")),
    Case("duplicate headers in Parquet", one(TWICE, "a.parquet"), refused("a.parquet", "appears twice")),
    Case(
        "headers that differ by case",
        one(f"Email,EMAIL,E\n{PERSON},x,y\n"),
        refused("'email' could be"),
        column="email",
    ),
    Case(
        "column missing in one file", {"a.csv": GOOD, "b.csv": "Id,Mail\n1,x\n"}, refused("b.csv", "missing")
    ),
    Case(
        "other type in one file",
        {"a.parquet": PLAIN, "b.parquet": parquet({"Email": [7]})},
        refused("b.parquet", "int64"),
    ),
    Case(
        "other columns that differ",
        {"a.parquet": PLAIN, "b.parquet": parquet({"Id": ["x"], "Email": ["b@c.de"]})},
        Right(2),
    ),
    Case(
        "no values in one file",
        {"a.parquet": PLAIN, "b.parquet": parquet({"Email": pa.nulls(2)})},
        Counted(1, {"missing": 2}),
    ),
    Case(
        "other kinds of text",
        {
            "a.parquet": PLAIN,
            "b.parquet": parquet({"Email": pa.array(["b@c.de"]).dictionary_encode()}),
            "c.parquet": parquet({"Email": pa.array(["c@c.de"], pa.large_string())}),
        },
        Right(3),
    ),
    Case("column of numbers", one(parquet({"Email": [1, 2]}), "a.parquet"), refused("'Email' holds int64")),
    Case(
        "column of bytes that are text",
        one(parquet({"Email": [PERSON.encode(), b"b\xe4d", None]}), "a.parquet"),
        Counted(1, {"missing": 1, "not_an_address": 1}),
    ),
    Case(
        "column of bytes",
        one(parquet({"Email": [b"\xff\xfe", b"\xfd", PERSON.encode()]}), "a.parquet"),
        refused("'Email' of", "a.parquet", "not UTF-8 text"),
    ),
    *(
        Case(
            f"a column of only None as {kind} in {where}",
            {f"{name}.parquet": parquet({"Email": column}, **options) for name, column in files.items()},
            Counted(count, {"missing": 2}),
        )
        for kind in (pa.float64(), pa.int32(), pa.bool_(), pa.timestamp("us"), pa.list_(pa.float64()))
        for options in ({}, {"write_statistics": False})
        for where, files, count in (
            (f"the first file {options}", {"a": pa.nulls(2, kind), "b": [PERSON]}, 1),
            (f"the last file {options}", {"a": [PERSON], "b": pa.nulls(2, kind)}, 1),
            (f"two files {options}", {"a": pa.nulls(1, kind), "b": [[PERSON]], "c": pa.nulls(1, kind)}, 1),
            (f"the only file {options}", {"a": pa.nulls(2, kind)}, 0),
        )
    ),
    Case(
        "no numbers in one file",
        {"a.parquet": PLAIN, "b.parquet": parquet({"Email": [float("nan"), float("nan")]})},
        Counted(1, {"missing": 2}),
    ),
    Case(
        "numbers in one file beside nothing",
        {
            "a.parquet": parquet({"Email": pa.nulls(1, pa.bool_())}),
            "b.parquet": PLAIN,
            "c.parquet": parquet({"Email": [None, 7.5]}),
        },
        refused("c.parquet", "holds double", "not text", "b.parquet"),
    ),
    Case(
        "column of structs",
        one(parquet({"Email": [{"value": PERSON}]}), "a.parquet"),
        refused("'Email' holds struct"),
    ),
    Case(
        "column of lists",
        one(parquet({"Email": [[PERSON], [], None]}), "a.parquet"),
        Counted(1, {"missing": 2}),
    ),
    Case(
        "5,000 columns, CSV",
        one(",".join([*(f"c{n}" for n in range(4_999)), "Email"]) + "\n" + "x," * 4_999 + PERSON),
        Right(),
    ),
    Case(
        "5,000 columns, Parquet",
        one(parquet({**{f"c{n}": [n] for n in range(4_999)}, "Email": [PERSON]}), "a.parquet"),
        Right(),
    ),
    # --- Text
    Case(
        "Latin-1 in the rows",
        one("Id,Email\n1,müller\n".encode("latin-1")),
        refused("a.csv", "row 2", "not UTF-8"),
    ),
    Case(
        "Latin-1 in the header",
        one("Größe,Email\n1,x\n".encode("latin-1")),
        refused("a.csv", "row 1", "not UTF-8"),
    ),
    Case(
        "Latin-1, and told so",
        one(f"Größe,Email\n1,{PERSON}\n".encode("latin-1")),
        Right(),
        dialect=CsvDialect(encoding="iso8859-1"),
    ),
    Case(
        "what cp1252 does not have",
        one(b"Id,Email\n1,x\n2,\x81\n"),
        refused("a.csv", "line 3", "not cp1252"),
        dialect=CsvDialect(encoding="cp1252"),
    ),
    Case("UTF-8 with a mark", one(("\ufeff" + GOOD).encode()), Right()),
    Case("UTF-16 with a mark", one(GOOD.encode("utf-16")), Right()),
    Case("UTF-16 without a mark", one(GOOD.encode("utf-16-le")), refused("a.csv", "csv.encoding")),
    Case("UTF-16 cut in a character", one(GOOD.encode("utf-16")[:-1]), refused("a.csv", "not utf-16")),
    Case(
        "bytes that are no UTF-8 in Parquet",
        one(parquet({"Email": binary_text(PERSON.encode(), b"b\xe4d")}), "a.parquet"),
        Counted(1, {"not_an_address": 1}),
    ),
    # --- Rows
    Case("ragged: too many", one(f"{GOOD}2,{PERSON},3\n"), refused("a.csv", "row 3", "3 values")),
    Case("ragged: too few", one(f"{GOOD}{PERSON}\n"), refused("a.csv", "row 3", "1 values", "Excel")),
    Case(
        "unescaped quotes", one(f'Id,Note,Email\n1,"5" disk",{PERSON}\n'), refused("a.csv", "line 2", "csv")
    ),
    Case(
        "quotes that hide rows",
        one(f'Id,Note,Email\n1,"a,{PERSON}\n2,b,x\n3,"c,y\n'),
        refused("a.csv", "line 4"),
    ),
    Case("quote that stays open", one(f'Id,Email\n1,"{PERSON}\n2,x\n'), refused("a.csv", "never closed")),
    Case(
        "quotes that are text",
        one(f'Id,Note,Email\n1,5" disk,{PERSON}\n'),
        Right(),
        dialect=CsvDialect(quote=None),
    ),
    Case(
        "quotes with escapes",
        one(f'Id,Note,Email\n1,"5\\" disk",{PERSON}\n'),
        Right(),
        dialect=CsvDialect(escape="\\"),
    ),
    Case("line breaks inside of quotes", one(f'Id,Note,Email\r\n1,"a\r\n2,b,x",{PERSON}\r\n'), Right()),
    Case("line ends of old", one(GOOD.replace("\n", "\r")), Right()),
    Case("no line break at the end", one(GOOD.rstrip("\n")), Right()),
    Case(
        "10 MB cell, CSV",
        one(f"Note,Email\n{'x' * 10_000_000},{PERSON}\n"),
        refused("a.csv", "longer than 1 MiB"),
    ),
    Case(
        "10 MB address, Parquet",
        one(parquet({"Email": [PERSON, "x" * 10_000_000 + "@example.org"]}), "a.parquet"),
        Counted(1, {"too_long": 1}),
    ),
    Case("0 rows, CSV", one("Id,Email\n"), Right(0)),
    Case("0 rows, Parquet", one(parquet({"Email": pa.array([], pa.string())}), "a.parquet"), Right(0)),
    Case("1 row", one(PLAIN, "a.parquet"), Right(1)),
    Case(
        "only rejects",
        one("Id,Email\n1,\n2,nobody\n3,n/a\n"),
        Counted(0, {"missing": 1, "not_an_address": 2}),
    ),
    # --- Names and places
    *(
        Case(f"named {name!r}", one(GOOD, f"{name}.csv"), Right(), at=f"t/{name}.csv")
        for name in ("with spaces", 'it\'s "quoted"', "smile 😀", "100%", "a#b?c", "x" * 200, "back\\slash")
    ),
    Case(
        "runs beside one another",
        {"2026/11/20/0215/G_1.csv": "Email\nold@\n", "2026/11/22/0215/G_1.csv": GOOD, "_SUCCESS": ""},
        Right(),
    ),
    Case(
        "runs beside other files",
        {"2026/11/20/0215/G_1.csv": GOOD, "2026/11/22/0215/G_1.csv": GOOD, "notes.txt": "Email\n"},
        refused("folders of export runs", "notes.txt", "Move the other files away"),
    ),
    Case("link out of the folder", link_out, refused("is a link that leads out of")),
    Case("link to a folder elsewhere", link_to_a_folder_out, refused("is a link that leads out of")),
    Case("link that leads nowhere", broken_link, refused("a.csv")),
    Case("link to itself", endless_link, Right()),
    Case(
        "partitions of two depths",
        {"c=1/a.csv": GOOD, "a.csv": GOOD},
        refused("partitioned in two ways", "c=1/a.csv"),
    ),
    Case("partition that is in the file too", {"Id=2/a.csv": GOOD}, Right()),
    Case(
        "rewritten while it is read",
        one(LARGE, "a.parquet"),
        Refused(("a.parquet", "was changed"), TransientError),
        meanwhile=rewritten,
    ),
    Case(
        "rewritten before it is read",
        {"a.parquet": LARGE, "b.parquet": LARGE},
        Refused(("b.parquet", "was changed"), TransientError),
        meanwhile=next_rewritten,
    ),
    # --- Delta Lake and CDM
    Case("Delta log with a hole", delta(lambda t: log(t, 1).unlink()), refused("log is incomplete")),
    Case(
        "Delta commit of zero bytes",
        delta(lambda t: log(t, 1).write_bytes(b"")),
        refused("truncated or damaged"),
    ),
    Case("Delta log that is no JSON", delta(lambda t: log(t, 1).write_text("{")), refused("1.json")),
    Case("Delta files that are gone", delta(delta_without_files), refused("which does not exist")),
    Case(
        "Delta path out of the table",
        delta_path("../secret.parquet"),
        refused("outside of the table's folder"),
    ),
    Case("Delta path, absolute", delta_path("/etc/passwd"), refused("outside of the table's folder")),
    Case("Delta path that is no text", delta_path("a/\ud800"), refused("names a file outside")),
    Case("Delta column that is no text", delta(column_of_half_a_letter), refused("cannot be parsed")),
    Case("Delta path, encoded", delta_path("a/%2e%2e/%2e%2e/x"), refused("outside of the table's folder")),
    Case(
        "CDM model naming a missing file",
        cdm("Gold/nowhere.csv"),
        refused("which does not exist|that does not exist"),
        at="t/Gold",
    ),
    Case(
        "CDM location with endless ..",
        cdm("../" * 60 + "etc/passwd"),
        refused("outside of the model's folder"),
        at="t/Gold",
    ),
    Case(
        "CDM location of a file URL",
        cdm("file:///etc/passwd"),
        refused("outside of the model's folder"),
        at="t/Gold",
    ),
    Case(
        "CDM file with a header in another order",
        cdm(text=f"Email,Id\n{PERSON},1\n"),
        refused("Gold_1.csv", "in another order than the model"),
        at="t/Gold",
    ),
    Case(
        "CDM entity that is described twice",
        cdm(change=lambda own: own.update(tables=[{**own["entities"][0], "partitions": []}])),
        refused("model.json", "'Gold' twice"),
        at="t/Gold",
    ),
    Case(
        "CDM entity in both lists alike",
        cdm(change=lambda own: own.update(tables=own["entities"])),
        Right(),
        at="t/Gold",
    ),
    Case(
        "CDM location that is no text",
        cdm("Gold/\ud800.csv"),
        refused("model.json", "contains invalid text"),
        at="t/Gold",
    ),
    Case(
        "CDM column that is no text",
        cdm(change=lambda own: own["entities"][0]["attributes"].append({"name": "\udfff"})),
        refused("model.json", "contains invalid text"),
        at="t/Gold",
    ),
    Case("CDM manifest", manifest(NAMED), Right(), at="t/Gold"),
    Case("CDM manifest below another one", sub_manifest("Sub.manifest.cdm.json"), Right(), at="t/Gold"),
    Case(
        "CDM manifest that names a missing one",
        sub_manifest("Other.manifest.cdm.json"),
        refused(
            "default.manifest.cdm.json",
            "Other.manifest.cdm.json, whose tables belong to this one, is missing",
        ),
        at="t/Gold",
    ),
    Case(
        "CDM manifest that names what is no name",
        sub_manifest({"a": 1}),
        refused("Gold"),
        at="t/default.manifest.cdm.json/Gold",
    ),
    Case(
        "CDM manifest with an entity of another model",
        manifest({"type": "ReferencedEntity", "entityPath": "other/model.json/Gold"}),
        refused("default.manifest.cdm.json", "only a reference to another model"),
        at="t/Gold",
    ),
    Case("CDM model that is no JSON", cdm(model="{"), refused("model.json"), at="t/model.json/Gold"),
    Case("CDM model that is a list", cdm(model="[]"), refused("model.json"), at="t/model.json/Gold"),
]


def test_there_are_enough() -> None:
    names = Counter(case.name for case in CASES)
    assert len(names) == len(CASES) >= 60


def write(folder: Path, files: Written | Callable[[Path], None]) -> None:
    folder.mkdir()
    if callable(files):
        files(folder)
        return
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def read(root: Path, case: Case) -> tuple[int, dict[str, int]]:
    """Rows with a member, and the other ones by reason, as a run counts them."""
    table = open_table(LOCAL, str(root / case.at), case.format, dialect=case.dialect)
    column = resolve_column(table.columns(), case.column)
    table.profiles()
    profiles, rejected = 0, Counter[str]()
    for batch in table.batches([column], batch_rows=1000 if case.meanwhile else 65_536):
        outcome = digest_batch(batch, [column], Policy.BASIC)
        profiles += outcome.profiles
        rejected.update({reason.value: count for reason, count in outcome.rejected.items()})
        if case.meanwhile and profiles == outcome.profiles:
            case.meanwhile(root / "t")
    return profiles - rejected.total(), dict(rejected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_table_has_a_good_end(tmp_path: Path, case: Case) -> None:
    write(tmp_path / "t", case.files)
    if not isinstance(case.end, Refused):
        expected = (case.end.rows, {}) if isinstance(case.end, Right) else (case.end.valid, case.end.rejected)
        assert read(tmp_path, case) == expected
        return
    with pytest.raises(case.end.family) as raised:
        read(tmp_path, case)
    message = str(raised.value)
    for word in case.end.words:
        assert any(either in message for either in word.split("|")), message
    assert any(remedy in message for remedy in REMEDIES), message
    shown = "".join(traceback.format_exception(raised.value))
    for value in (PERSON, "ann.secret", "müller", "person1@"):
        assert value not in message
        assert value not in shown.replace(message, "")


@pytest.mark.parametrize("name", ["x" * 129, "😀" * 65])
def test_a_name_that_no_audience_may_have(tmp_path: Path, name: str) -> None:
    (tmp_path / "t").mkdir()
    if len(name.encode()) < 250:
        (tmp_path / f"t/{name}.csv").write_text(GOOD)
    found = discover(LOCAL, str(tmp_path / "t")) or {name: ""}
    export = Export.model_validate(
        {"name": "a", "cid": 1, "aid": 1, "source": "lake", "segments": "all", "email": "Email"}
    )
    [segment] = segments_of(export, found)
    assert re.search(r"longer than the 128 characters.*List the table", str(segment.fault))


def test_a_name_with_accents_in_two_pieces_is_the_name_that_people_type(tmp_path: Path) -> None:
    (tmp_path / "Ma\u0308nner.csv").write_text(GOOD)
    assert discover(LOCAL, str(tmp_path), "Männ*") == {"Männer": str(tmp_path / "Ma\u0308nner.csv")}
    (tmp_path / "Männer.csv").write_text(GOOD)
    (tmp_path / "Other.csv").write_text(GOOD)
    found = discover(LOCAL, str(tmp_path))
    assert list(found) == ["Männer", "Other"]
    assert list(found.faults) == ["Männer"]
    assert re.search("'Männer' could be .* and .*Move one of them away", found.faults["Männer"])


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.csv")).write_text(GOOD)
    (tmp_path / "Other.csv").write_text(GOOD)
    found = discover(LOCAL, str(tmp_path))
    assert list(found) == ["Other", "caf\\udce9"]
    assert list(found.faults) == ["caf\\udce9"]
    assert "name is not UTF-8: 'caf\\udce9'. Rename it" in found.faults["caf\\udce9"]


@pytest.mark.parametrize("place", range(4, len(PLAIN), 41))
def test_a_damaged_byte_never_ends_in_a_bare_error(tmp_path: Path, place: int) -> None:
    """Without checksums a changed value cannot be seen; but nothing else than our own error may come."""
    write(tmp_path / "t", one(flipped(PLAIN, place), "a.parquet"))
    try:
        read(tmp_path, Case("damaged", {}, Right()))
    except ConfigurationError as error:
        assert "a.parquet" in str(error) or "column" in str(error)  # noqa: PT017 (either end is right)
