"""Suppression lists: whom they keep out, whatever they hold, and that an unusable list stops all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_match.addresses.definition import Policy, Rejection, Take, judge
from customer_match.errors import ConfigurationError
from customer_match.members.digests import Digests, sorted_distinct
from customer_match.members.files import read_members
from customer_match.profiles.reading import ReadSpec
from customer_match.profiles.staging import stage_members
from customer_match.profiles.suppression import Suppressed
from customer_match.project import PROJECT
from tests.memory_storage import MemoryStorage

READING = ReadSpec(emails=("Email",), take=Take.ALL, separator=";")


def batch(*values: str | None) -> pa.RecordBatch:
    return pa.record_batch({"Email": pa.array(values, pa.string())})


def members(addresses: list[str], policy: Policy = Policy.BASIC) -> Digests:
    digests = [digest for address in addresses for digest in judge(address, policy).digests]
    return sorted_distinct(np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32))


def kept(
    segment: Digests, *lists: list[str | None], policy: Policy = Policy.BASIC
) -> tuple[list[bytes], int]:
    with Suppressed(policy) as suppressed:
        for values in lists:
            suppressed.read([batch(*values)], READING, "Never", allow_empty=True)
        left = [bytes(row) for part in suppressed.taken_out_of([segment]) for row in part]
        return left, suppressed.kept_out


PEOPLE = [f"p{n}@contoso.com" for n in range(6)]


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.sets(st.sampled_from(PEOPLE)), st.lists(st.lists(st.sampled_from([*PEOPLE, "n/a", ""])), max_size=3)
)
def test_exactly_the_listed_are_kept_out(segment: set[str], lists: list[list[str | None]]) -> None:
    listed = {value for values in lists for value in values}
    wanted = [bytes(row) for row in members(sorted(segment - listed))]
    assert kept(members(sorted(segment)), *lists) == (wanted, len(segment & listed))


@pytest.mark.parametrize(
    "value",
    [
        " P1@Contoso.com",
        hashlib.sha256(b"p1@contoso.com").hexdigest().upper(),
        "n/a; p1@contoso.com",
        "p9@contoso.com;p1@contoso.com",
    ],
)
def test_addresses_hashes_and_several_of_them(value: str) -> None:
    left, count = kept(members(PEOPLE[:2]), [value])
    assert (left, count) == ([bytes(members(PEOPLE[:1])[0])], 1)


def test_both_keeps_both_digests_out() -> None:
    segment = members(["a.b@contoso.com", "ab@contoso.com", "c@contoso.com"], Policy.BOTH)
    assert len(segment) == 3
    left, count = kept(segment, ["A.B@contoso.com"], policy=Policy.BOTH)
    assert (len(left), count) == (1, 2)


def test_what_was_read_is_told() -> None:
    with Suppressed(Policy.BASIC) as suppressed:
        found = suppressed.read([batch("a@b.co", None), batch("n/a")], READING, "Never", allow_empty=False)
    assert (found.rows, found.unusable) == (3, 2)
    assert found.rejected == {Rejection.MISSING: 1, Rejection.NOT_AN_ADDRESS: 1}
    assert suppressed.lists == (found,)
    assert found.words == (
        "2 of 3 rows of the suppression list 'Never' cannot be used (missing 1, not an address 1)"
    )


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "values",
    [[], [None, "n/a"], [hashlib.sha256(b"").hexdigest(), hashlib.sha256(b"NULL").hexdigest(), "0" * 64]],
)
def test_a_list_that_keeps_nobody_out_stops_all(values: list[str | None]) -> None:
    with Suppressed(Policy.BASIC) as suppressed:
        with pytest.raises(
            ConfigurationError, match=rf"'Never' holds no e-mail.*\({len(values)} rows\).*allow_empty"
        ):
            suppressed.read([batch(*values)], READING, "Never", allow_empty=False)
        assert suppressed.read([batch(*values)], READING, "Never", allow_empty=True).rows == len(values)


def test_memory_does_not_grow_with_list_and_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a bound the list is spilled; the answer stays the same."""
    from customer_match.members import distinct as staging

    monkeypatch.setattr(staging, "_IN_MEMORY", 100)
    names: list[Any] = [f"p{n}@contoso.com" for n in range(1000)]
    with Suppressed(Policy.BASIC) as suppressed:
        suppressed.read(
            (batch(*names[n : n + 50]) for n in range(0, 800, 50)), READING, "Never", allow_empty=False
        )
        spilled = suppressed._clear._file
        assert spilled is not None
        left = [bytes(row) for part in suppressed.taken_out_of([members(names)]) for row in part]
    assert left == [bytes(row) for row in members(names[800:])]
    assert suppressed.kept_out == 800
    assert spilled.closed


# --- Whoever is known in clear is found, whatever the others wrote -------------------------------------------


class Person(NamedTuple):
    """Somebody in all the spellings and digests that tables have of them; no two people share one."""

    clear: tuple[str, ...]
    digests: tuple[str, ...]


def hashes(*addresses: str) -> tuple[str, ...]:
    return tuple(hashlib.sha256(address.encode()).hexdigest() for address in addresses)


ANNA = Person(
    ("Anna.Smith@contoso.com", " anna.smith@contoso.com"),
    hashes("anna.smith@contoso.com", "annasmith@contoso.com"),
)
CARLA = Person(("carla+news@contoso.com",), hashes("carla+news@contoso.com", "carla@contoso.com"))
JOSE = Person(
    ("José.M@contoso.com", "jose\u0301.m@contoso.com"),
    hashes("josé.m@contoso.com", "josem@contoso.com", "jose\u0301.m@contoso.com", "josém@contoso.com"),
)
EVA = Person(
    ("eva@bücher.de", "eva@xn--bcher-kva.de", "eva@BÜCHER\u3002de"),
    hashes("eva@bücher.de", "eva@xn--bcher-kva.de", "eva@bucher.de", "eva@bu\u0308cher.de"),
)
BOB = Person(("BOB@contoso.com",), hashes("bob@contoso.com"))
PLAIN = Person(("plain@contoso.com",), hashes("plain@contoso.com"))
ALL = (ANNA, CARLA, JOSE, EVA, BOB, PLAIN)

Entry = tuple[Person, str]
ENTRIES = st.sampled_from([(one, value) for one in ALL for value in (*one.clear, *one.digests)])


def is_given(entry: Entry) -> bool:
    return entry[1] in entry[0].digests


def is_listed(entry: Entry, listed: list[Entry]) -> bool:
    """By plain thought: the same person, known in clear on one side, or the same digest on both."""
    same = [other for other in listed if other[0] is entry[0]]
    return any(not (is_given(entry) and is_given(other)) or entry[1] == other[1] for other in same)


def expected_of(segment: list[Entry], listed: list[Entry], policy: Policy) -> set[str] | None:
    """The digests of the audience; None where it cannot be told."""
    made = {entry: {d.hex() for d in judge(entry[1], policy).digests} for entry in segment}
    out = {d for entry in segment if is_listed(entry, listed) for d in made[entry]}
    undecided = any(is_given(entry) and not made[entry] <= out for entry in segment)
    in_clear = {id(other[0]) for other in listed if not is_given(other)}
    unknown = any(is_given(other) and id(other[0]) not in in_clear for other in listed)
    if undecided and unknown and policy is not Policy.BASIC:
        return None
    return {d for digests in made.values() for d in digests} - out


def staged_of(
    segment: list[str], listed: list[str], policy: Policy, layout: str = "column", take: Take = Take.COALESCE
) -> tuple[set[str], int]:
    """What the step `normalise` stages of a segment in some layout, and how many members were kept out."""
    storage = MemoryStorage()
    values, kind, separator = {
        "column": (segment, pa.string(), None),
        "lists": ([["", value] for value in segment], pa.list_(pa.string()), None),
        "separated": ([f"n/a;{value}" for value in segment], pa.string(), ";"),
    }[layout]
    table = pa.record_batch({"Email": pa.array(values, kind)})
    reading = ReadSpec(emails=("Email",), take=take, separator=separator)
    with Suppressed(policy) as suppressed:
        half = len(listed) // 2
        for name, part in (("A", listed[:half]), ("B", listed[half:])):
            suppressed.read([batch(*part)], READING, name, allow_empty=True)
        staged = stage_members(
            [table.slice(0, 2), table.slice(2)], reading, policy, storage, "m", suppressed=suppressed
        )
    found = {bytes(row).hex() for part in read_members(storage, staged.members) for row in part}
    assert staged.suppressed is not None
    assert staged.duplicates >= 0
    return found, staged.suppressed


@pytest.mark.slow
@settings(max_examples=200)
@given(
    st.lists(ENTRIES, max_size=6),
    st.lists(ENTRIES, max_size=5),
    st.sampled_from(Policy),
    st.sampled_from(["column", "lists", "separated"]),
    st.sampled_from(Take),
)
def test_whoever_is_listed_in_whatever_form_is_kept_out(
    segment: list[Entry], listed: list[Entry], policy: Policy, layout: str, take: Take
) -> None:
    expected = expected_of(segment, listed, policy)
    values = [value for _, value in segment], [value for _, value in listed]
    if expected is None:
        with pytest.raises(ConfigurationError, match=f"normalisation: {policy}"):
            staged_of(*values, policy, layout, take)
        return
    assert staged_of(*values, policy, layout, take)[0] == expected


CELLS = re.findall(
    r"^\| (addresses|digests|mixed) \| (addresses|digests|mixed) \| (\S+?)\b.* \| (\S+?)\b.* \| (\S+?)\b.* \|$",
    (PROJECT / "docs" / "normalisation.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
ROWS = [(cells[0], cells[1], policy, cells[2 + n]) for cells in CELLS for n, policy in enumerate(Policy)]
LISTED, LEFT = (ANNA, CARLA, JOSE, BOB), (EVA, PLAIN)


def written(people: Iterable[Person], how: str, rule: int) -> list[str]:
    """People in a table of addresses, of digests by one rule, or of both kinds."""
    clear = [one.clear[0] for one in people]
    digests = [one.digests[min(rule, len(one.digests) - 1)] for one in people]
    mixed = [c if n % 2 else d for n, (c, d) in enumerate(zip(clear, digests, strict=True))]
    return {"addresses": clear, "digests": digests, "mixed": mixed}[how]


def test_the_table_has_every_combination() -> None:
    assert len({row[:3] for row in ROWS}) == len(ROWS) == 27
    assert {row[3] for row in ROWS} == {"exact", "stops"}


@pytest.mark.parametrize(("segment", "listed", "policy", "outcome"), ROWS)
def test_the_documented_table_is_true(segment: str, listed: str, policy: Policy, outcome: str) -> None:
    """Those who are listed are kept out, all others stay; or nothing is exported, and the message says why."""
    # Digests of one side may be made by either rule where the other side has the address, and else by the same.
    for rule in (0, 1) if "addresses" in (segment, listed) else (0,):
        people = written(LISTED, segment, rule) + written(LEFT, segment, rule)
        never = written(LISTED, listed, rule)
        if (
            segment == listed == "mixed"
        ):  # who is a digest in the segment is an address in the list, but for Anna
            never = [*written(LISTED[1:], listed, 0), ANNA.digests[0]]
        if outcome == "stops":
            with pytest.raises(ConfigurationError, match=rf"'[AB]'.*{policy}.*normalisation: basic"):
                staged_of(people, never, policy)
            continue
        left = {d.hex() for one in written(LEFT, segment, rule) for d in judge(one, policy).digests}
        found, kept_out = staged_of(people, never, policy)
        assert found == left
        assert kept_out >= len(LISTED)


def test_two_addresses_in_clear_are_one_person_only_if_the_policy_says_so() -> None:
    people, never = ["ann+news@contoso.com", "a.nn@contoso.com", "bob@contoso.com"], ["ann@contoso.com"]
    bob = set(hashes("bob@contoso.com"))
    for others in ([], [*hashes("carla@contoso.com")]):  # a digest in the list changes nothing of it
        assert staged_of(people, [*never, *others], Policy.BASIC)[0] == {*hashes(*people)}
    for policy in (Policy.ENHANCED, Policy.BOTH):
        assert staged_of(people, never, policy)[0] == bob
    for policy in Policy:  # a digest may be what any rule has made
        assert staged_of(people, [*hashes(*never)], policy)[0] == bob


@pytest.mark.parametrize("layout", ["column", "lists", "separated"])
def test_digests_of_addresses_as_they_stand_there_keep_people_out(layout: str) -> None:
    """Of a program that hashes and does not lower-case, but reads the same letters."""
    people = ["\u00a0Ann.Lee@Contoso.com ", "Jos\u00e9@Contoso.com", "bob@contoso.com", "EVA@contoso.com"]
    typed = [hashlib.sha256(one.strip().encode()).hexdigest() for one in people[:2]]
    for policy in Policy:
        left = {d.hex() for one in people[2:] for d in judge(one, policy).digests}
        assert staged_of(people, typed, policy, layout)[0] == left
        assert staged_of([*typed, *people[2:]], people[:2], policy, layout)[0] == left


def test_digests_beside_their_addresses_decide_all() -> None:
    """A list that has both of everybody tells who each digest is; one digest more that nobody knows does not."""
    both = [f"{one.clear[0]};{one.digests[0]}" for one in LISTED]
    given = written([*LISTED, PLAIN], "digests", 0)
    for policy in Policy:
        assert staged_of(given, both, policy)[0] == set(PLAIN.digests)
    with pytest.raises(ConfigurationError, match=r"\(segment 1, list 1\)"):
        staged_of(given, [*both, *hashes("who@contoso.com")], Policy.ENHANCED)


def test_a_segment_of_which_every_digest_is_listed_is_decided() -> None:
    given = written(LISTED, "digests", 0)
    for policy in Policy:
        assert staged_of([*given, "plain@contoso.com"], given, policy) == (set(PLAIN.digests), len(LISTED))


def test_of_several_addresses_only_the_listed_one_goes() -> None:
    values = ["anna.smith@contoso.com;bob@contoso.com", "n/a;carla+news@contoso.com;plain@contoso.com"]
    never = [ANNA.digests[0], CARLA.digests[0]]
    for take, left in ((Take.ALL, {*BOB.digests, *PLAIN.digests}), (Take.COALESCE, set[str]())):
        storage = MemoryStorage()
        reading = ReadSpec(emails=("Email",), take=take, separator=";")
        with Suppressed(Policy.ENHANCED) as suppressed:
            suppressed.read([batch(*never)], READING, "Never", allow_empty=False)
            staged = stage_members(
                [batch(*values)], reading, Policy.ENHANCED, storage, "m", suppressed=suppressed
            )
        assert {bytes(r).hex() for part in read_members(storage, staged.members) for r in part} == left
        assert staged.suppressed == 2


@pytest.mark.slow
def test_aliases_are_found_past_the_bound_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that waits is spilled; nobody is lost on the way, and no file stays open."""
    from customer_match.members import distinct as staging

    monkeypatch.setattr(staging, "_IN_MEMORY", 60)
    people = [f"p.{n}+x@contoso.com" for n in range(500)]
    listed = [
        *hashes(
            *(f"p.{n}+x@contoso.com" for n in range(200)), *(f"p{n}@contoso.com" for n in range(200, 400))
        )
    ]
    for policy in Policy:
        storage = MemoryStorage()
        with Suppressed(policy) as suppressed:
            for start in range(0, 400, 50):
                suppressed.read([batch(*listed[start : start + 50])], READING, "Never", allow_empty=False)
            batches = [batch(*people[n : n + 50]) for n in range(0, 500, 50)]
            staged = stage_members(
                batches, ReadSpec(emails=("Email",)), policy, storage, "m", suppressed=suppressed
            )
            spilled = [suppressed._hashes, suppressed._pairs, suppressed._under_alias]
            files = [rows._file for rows in spilled if rows._file]
            assert len(files) == 3
        assert staged.members.count == 100 * (2 if policy is Policy.BOTH else 1)
        assert all(file.closed for file in files)


def test_a_run_without_lists_of_digests_asks_for_nothing_more() -> None:
    """The usual case costs nothing: lists of addresses are compared by the members alone."""
    for policy, values, aliases in (
        (Policy.BASIC, PEOPLE, False),
        (Policy.ENHANCED, PEOPLE, False),
        (Policy.BOTH, PEOPLE, True),
        (Policy.BASIC, [*PEOPLE, *BOB.digests], True),
        (Policy.ENHANCED, [*BOB.digests], True),
    ):
        with Suppressed(policy) as suppressed:
            suppressed.read([batch(*values)], READING, "Never", allow_empty=False)
            assert suppressed.compare.aliases == aliases
