"""The search itself: it finds what it must find, in every spelling and every kind of file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import sqlite3
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.fernet import Fernet

from tests.privacy.leftovers import leftovers
from tests.privacy.needles import Needles, digests_of

ADDRESS = "zq.canary@example.com"
DIGEST = hashlib.sha256(ADDRESS.encode()).digest()
NEEDLES = Needles(frozenset({"zq.canary"}), digests_of([ADDRESS]))

SPELLINGS = {
    "plain": ADDRESS,
    "upper case": ADDRESS.upper(),
    "reversed": ADDRESS[::-1],
    "percent-encoded": quote(ADDRESS, safe=""),
    "all percent-encoded": "".join(f"%{byte:02X}" for byte in ADDRESS.encode()),
    "hex": ADDRESS.encode().hex(),
    "UTF-16": ADDRESS.encode("utf-16-le").decode("latin-1"),
    **{
        f"base64, {before} bytes before": base64.b64encode(b"?" * before + ADDRESS.encode() + b"~>~").decode()
        for before in range(4)
    },
    "base64 of upper case": base64.b64encode(ADDRESS.upper().encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(ADDRESS.encode()).decode(),
}
DIGESTS = {
    "hex": DIGEST.hex(),
    "upper case": DIGEST.hex().upper(),
    "bytes": DIGEST.decode("latin-1"),
    "base64": base64.b64encode(b"a" + DIGEST + b"b").decode(),
    "base64 of hex": base64.b64encode(DIGEST.hex().encode()).decode(),
    "reversed": DIGEST.hex()[::-1],
}


def found_in(text: str) -> list[str]:
    return NEEDLES.found_in({"here": text}).get("here", [])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_word_is_found_in_every_spelling(spelling: str) -> None:
    assert found_in(f"before {SPELLINGS[spelling]} after") == ["zq.canary"]


@pytest.mark.parametrize("spelling", DIGESTS)
def test_a_digest_is_found_in_every_spelling(spelling: str) -> None:
    assert found_in(f"before {DIGESTS[spelling]} after") == [f"digest {DIGEST.hex()[:8]}"]


def test_nothing_else_is_found() -> None:
    assert found_in("zq.other@example.com " + hashlib.sha256(b"other").hexdigest()) == []


def test_the_policies_have_digests_of_their_own() -> None:
    assert len(digests_of(["a.b+c@example.com"])) == 2


def found(folder: Path, key: bytes | None = None) -> dict[str, list[str]]:
    return NEEDLES.found_in(leftovers(folder, key))


def test_it_looks_into_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.log").write_text(f"line\n{ADDRESS}\n")
    (tmp_path / "sub/a.gz").write_bytes(gzip.compress(ADDRESS.encode()))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.csv", ADDRESS)
    values = {"Digest": pa.array([DIGEST], pa.binary()), "Text": [ADDRESS], "Other": [1]}
    pq.write_table(pa.table(values), tmp_path / "a.parquet", compression="zstd", write_statistics=False)
    (tmp_path / ADDRESS).write_text("")
    names = {"a.log", "sub/a.gz", "a.zip: inside.csv", "a.parquet: Digest", "a.parquet: Text", ADDRESS}
    assert set(found(tmp_path)) - {"a.parquet"} == names  # small values are in clear in the file itself


def test_it_looks_into_cells_of_a_database_that_are_packed_or_encrypted(tmp_path: Path) -> None:
    key = Fernet.generate_key()
    with sqlite3.connect(tmp_path / "airflow.db") as database:
        database.execute("create table t (a text, b blob, c text, d integer)")
        packed, secret = zlib.compress(ADDRESS.encode()), Fernet(key).encrypt(ADDRESS.encode()).decode()
        database.execute("insert into t values (?, ?, ?, 1)", (ADDRESS, packed, secret))
        database.execute("insert into t values ('', null, '', 1)")
    database.close()
    assert set(found(tmp_path, key)) - {"airflow.db"} == {
        "airflow.db: t.a",
        "airflow.db: t.b",
        "airflow.db: t.c",
    }
