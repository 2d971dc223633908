"""Staging a segment: counts that add up, and the members that the plain reference names."""

from __future__ import annotations

import hashlib
import re
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.addresses.definition import (
    Policy,
    Rejection,
    Take,
    Verdict,
    digest,
    judge,
    judge_row,
    select_used,
)
from customer_match.addresses.engine import Outcome, digest_batch
from customer_match.conditions.row_filter import row_filter
from customer_match.erasure.people import read_people
from customer_match.erasure.register import Register
from customer_match.export.people import Consent
from customer_match.members.files import read_members
from customer_match.profiles.consent import consent_filter
from customer_match.profiles.reading import ReadSpec
from customer_match.profiles.rejects import RejectsFile
from customer_match.profiles.staging import Staged, stage_members
from customer_match.profiles.suppression import Suppressed
from customer_match.project import PROJECT
from customer_match_demo.expected import expected_from_values

LOCAL_PARTS = ["ann", "Ann", "a.n.n", "ann+news", "+tag", "josé", "o'neil", "", "a b", "x" * 65]
DOMAINS = ["@contoso.com", "@Contoso.COM ", "@bücher.de", "@contoso", "@@contoso.com", ""]
VALUES = (
    st.builds(lambda local, domain: local + domain, st.sampled_from(LOCAL_PARTS), st.sampled_from(DOMAINS))
    | st.sampled_from([None, "", " ", "n/a", "0123456789abcdef" * 4, "0123456789ABCDEF" * 4])
)  # fmt: skip


def staged_of(storage: Any, batches: list[list[str | None]], policy: Policy) -> Staged:
    arrays = [pa.record_batch([pa.array(values, pa.string())], ["Email"]) for values in batches]
    return stage_members(arrays, ReadSpec(emails=("Email",)), policy, storage, "run/members.parquet")


def members_of(storage: Any, staged: Staged) -> list[str]:
    return [row.tobytes().hex() for part in read_members(storage, staged.members) for row in part]


@pytest.mark.slow
@settings(max_examples=80)
@given(st.lists(st.lists(VALUES, max_size=15), max_size=4), st.sampled_from(Policy))
def test_agrees_with_the_reference_and_adds_up(
    new_storage: Any, batches: list[list[str | None]], policy: Policy
) -> None:
    storage = new_storage()
    staged = staged_of(storage, batches, policy)
    wanted = expected_from_values([value for batch in batches for value in batch], policy)
    assert members_of(storage, staged) == wanted.members
    assert {str(reason): count for reason, count in staged.rejected.items()} == wanted.rejected
    assert (staged.profiles, staged.valid) == (wanted.profiles, wanted.valid)
    assert (staged.duplicates, staged.members.count) == (wanted.duplicates, len(wanted.members))
    assert staged.profiles == staged.valid + sum(staged.rejected.values())
    if policy is not Policy.BOTH:  # there a profile may give two digests
        assert staged.valid == staged.members.count + staged.duplicates


@pytest.mark.parametrize(("at_once", "sizes"), [(1, [1, 1]), (2, [2]), (3, [2]), (100, [2])])
def test_few_rows_are_judged_together(
    storage: Any, monkeypatch: pytest.MonkeyPatch, at_once: int, sizes: list[int]
) -> None:
    judged: list[int] = []

    def digest(batch: pa.RecordBatch, *arguments: Any, **more: Any) -> Outcome:
        judged.append(batch.num_rows)
        return digest_batch(batch, *arguments, **more)

    monkeypatch.setattr("customer_match.addresses.engine.digest_batch", digest)
    monkeypatch.setattr("customer_match.addresses.engine._ROWS_AT_ONCE", at_once)
    batches: list[list[str | None]] = [
        ["a@contoso.com"],
        ["b@contoso.com", None],
        ["c@contoso.com", "n/a", "d@e.fr"],
    ]
    staged = staged_of(storage, batches, Policy.BASIC)
    assert judged == sizes
    assert (staged.profiles, staged.valid, staged.members.count) == (6, 4, 4)


def test_counts_by_hand(storage: Any) -> None:
    batches: list[list[str | None]] = [
        ["a.b@contoso.com", "A.B@contoso.com ", None],
        ["ab@contoso.com", "n/a", "ann@contoso"],
    ]
    staged = staged_of(storage, batches, Policy.BOTH)
    assert staged.members.count == 2  # a.b@ and ab@
    assert (staged.profiles, staged.valid, staged.duplicates) == (6, 3, 3)
    assert staged.rejected == {
        Rejection.MISSING: 1,
        Rejection.NOT_AN_ADDRESS: 1,
        Rejection.DOMAIN_INVALID: 1,
    }


def test_only_reasons_that_occur_are_listed(storage: Any) -> None:
    assert staged_of(storage, [["ann@contoso.com"]], Policy.BASIC).rejected == {}


@pytest.mark.parametrize("batches", [[], [[]], [[None, ""]]])
def test_a_table_without_addresses(storage: Any, batches: list[list[str | None]]) -> None:
    staged = staged_of(storage, batches, Policy.BASIC)
    assert (staged.members.count, staged.valid, staged.duplicates) == (0, 0, 0)
    assert members_of(storage, staged) == []


def test_several_columns_make_one_member_of_a_row(storage: Any) -> None:
    batch = pa.record_batch(
        [
            pa.array([None, "n/a", "ann@contoso.com"]),
            pa.array(["bob@contoso.com", "BOB@contoso.com", "eve@contoso.com"]),
        ],
        ["Email", "Second"],
    )
    staged = stage_members([batch], ReadSpec(emails=("Email", "Second")), Policy.BASIC, storage, "m")
    assert (
        members_of(storage, staged)
        == expected_from_values(["ann@contoso.com", "bob@contoso.com"], "basic").members
    )
    assert (staged.valid, staged.duplicates) == (3, 1)


def test_no_address_is_staged(storage: Any) -> None:
    staged_of(storage, [["ann.smith@contoso.com", "n/a"]], Policy.BASIC)
    assert b"contoso" not in b"".join(storage.files.values())


# --- docs/normalisation.md -----------------------------------------------------------------------------------

DOCUMENTED = re.compile(r"^\| `(.*)` \| (`.*`|\*.*\*) \| (`.*`|\*.*\*) \|$", re.MULTILINE)


def documented_verdict(cell: str) -> Verdict:
    """What a cell of the table says: an address in code, or a reason in italics."""
    if cell.startswith("*"):
        return Verdict(rejection=Rejection(cell.strip("*").replace(" ", "_")))
    return Verdict(digests=(hashlib.sha256(cell.strip("`").encode()).digest(),))


def test_the_documented_examples_are_true() -> None:
    text = (PROJECT / "docs" / "normalisation.md").read_text(encoding="utf-8")
    examples = DOCUMENTED.findall(text.partition("## Examples")[2].partition("\n## ")[0])
    assert len(examples) == 20
    for written, basic, enhanced in examples:
        value = written.encode().decode("raw_unicode_escape") if written.isascii() else written
        value = value.replace("\\r", "\r").replace("\\n", "\n")
        assert judge(value, Policy.BASIC) == documented_verdict(basic), written
        assert judge(value, Policy.ENHANCED) == documented_verdict(enhanced), written


def test_every_reason_is_documented() -> None:
    text = (PROJECT / "docs" / "normalisation.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z_]+)` \| [^`|]*(?:`@`[^`|]*)*\|$", text, re.MULTILINE) == list(Rejection)


# --- Who is kept out ---------------------------------------------------------------------------------------

ROWS = st.lists(
    st.tuples(
        st.lists(VALUES, max_size=3),
        st.sampled_from([None, "DE", "fr"]),
        st.sampled_from([None, True, False]),
        st.sampled_from([None, 1, 2]),
    ),
    max_size=12,
)
COLUMNS = {
    "Emails": pa.list_(pa.string()),
    "Country": pa.string(),
    "Consent": pa.bool_(),
    "Id": pa.int64(),
}


def taken_of(values: list[str | None], policy: Policy, take: Take) -> list[Verdict]:
    """What became of those of a row's values that count."""
    verdicts = [judge(value, policy) for value in values]
    return [verdicts[place] for place in select_used(verdicts, take)]


@pytest.mark.slow
@settings(max_examples=60)
@given(ROWS, st.lists(VALUES, max_size=4), st.sampled_from([*product(Policy, Take)]), st.integers(1, 5))
def test_everybody_is_counted_once_and_nobody_is_lost(
    new_storage: Any, rows: list[Any], listed: list[str | None], choice: tuple[Policy, Take], size: int
) -> None:
    """Condition, consent, addresses, suppression and rejected rows at once, against plain Python."""
    policy, take = choice
    table = pa.record_batch(
        {n: pa.array([r[i] for r in rows], k) for i, (n, k) in enumerate(COLUMNS.items())}
    )
    reading = ReadSpec(
        emails=("Emails",),
        take=take,
        where=row_filter("country <> 'fr'", COLUMNS),
        consent=consent_filter(Consent(column="consent", allow=True), COLUMNS),
        key="Id",
    )
    assert set(reading.columns) == set(COLUMNS)
    storage = new_storage()
    batches = [table.slice(start, size) for start in range(0, len(rows), size)]
    with Suppressed(policy) as suppressed:
        never = pa.record_batch({"E": pa.array(listed, pa.string())})
        suppressed.read([never], ReadSpec(emails=("E",)), "Never", allow_empty=True)
        staged = stage_members(
            batches, reading, policy, storage, "m", suppressed=suppressed, rejects_path="rejects"
        )
    consenting = [row for row in rows if row[1] == "DE" and row[2]]
    verdicts = [(judge_row(row[0], policy, take), row[3]) for row in consenting]
    digests = [digest for verdict, _ in verdicts for digest in verdict.digests]
    on_list = {digest for value in listed for digest in judge(value, policy).digests}
    kept_out = {
        digest
        for row in consenting
        for verdict in taken_of(row[0], policy, take)
        if on_list.intersection(verdict.digests)
        for digest in verdict.digests
    }
    assert members_of(storage, staged) == sorted(digest.hex() for digest in set(digests) - kept_out)
    assert staged.profiles == len(rows)
    assert staged.filtered == sum(row[1] != "DE" for row in rows)
    assert staged.without_consent == sum(row[1] == "DE" and not row[2] for row in rows)
    assert staged.valid + sum(staged.rejected.values()) == staged.considered == len(consenting)
    assert (staged.suppressed, staged.duplicates) == (len(kept_out), len(digests) - len(set(digests)))
    with storage.open_input("rejects") as file:
        told = pq.ParquetFile(file).read().to_pylist()
    assert told == [
        {"key": None if key is None else str(key), "reason": str(verdict.rejection)}
        for verdict, key in verdicts
        if verdict.rejection
    ]
    assert staged.rejects == RejectsFile(path="rejects", rows=len(told), withheld=0)


def test_erased_members_are_left_out_and_counted(storage: Any) -> None:
    """They are neither duplicates nor suppressed; the register's number tells later steps what was checked."""
    Register(storage).add(b"k", read_people(["Ann.Lee+x@contoso.com", "nobody@contoso.com"]).digests)
    erased = Register(storage).read(lambda: b"k")
    emails = ["annlee@contoso.com", "ANN.LEE+x@contoso.com", "bob@contoso.com", "bob@contoso.com"]
    batch = pa.record_batch([pa.array(emails)], ["Email"])
    staged = stage_members(
        [batch], ReadSpec(emails=("Email",)), Policy.BASIC, storage, "run/members.parquet", erased=erased
    )
    assert members_of(storage, staged) == [digest("bob@contoso.com").hex()]
    assert (staged.erased, staged.suppressed, staged.duplicates, staged.register_number) == (2, None, 1, 1)
