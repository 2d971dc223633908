"""Whoever gives an address gets every digest that an export or another program may have made of it."""

from __future__ import annotations

import hashlib

import pytest

from customer_match.addresses.definition import Policy, judge
from customer_match.erasure.people import read_people
from customer_match.errors import ConfigurationError

ADDRESS = " Ana.Maria+News@Example.com "


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def digests_in(values: list[str]) -> set[bytes]:
    return {row.tobytes() for row in read_people(values).digests}


def test_an_address_has_the_digests_of_every_policy() -> None:
    found = digests_in([ADDRESS])
    for policy in Policy:
        assert set(judge(ADDRESS, policy).digests) <= found
    assert found >= {sha("ana.maria+news@example.com"), sha("anamaria@example.com"), sha(ADDRESS.strip())}


def test_an_international_domain_counts_in_both_spellings() -> None:
    assert digests_in(["kai@bücher.example"]) >= {
        sha("kai@bücher.example"), sha("kai@xn--bcher-kva.example"),
    }  # fmt: skip


def test_a_hash_is_used_as_it_is() -> None:
    digest = sha("ana@example.com")
    people = read_people([digest.hex().upper(), digest.hex().upper(), "", "  "])
    assert (people.people, people.hashes, digests_in([digest.hex()])) == (1, 1, {digest})


def test_the_digests_are_sorted_and_distinct() -> None:
    rows = [row.tobytes() for row in read_people([ADDRESS, ADDRESS.lower(), "b@example.com"]).digests]
    assert rows == sorted(set(rows))


@pytest.mark.parametrize("wrong", ["ana@", "ana", "a" * 63, "0" * 65, "a b c", "ana@exam ple"])
def test_what_cannot_be_used_is_named_by_its_line(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"line 2 of what was given") as error:
        read_people(["ana@example.com", wrong])
    assert wrong not in str(error.value).split(":")[1]


def test_a_message_names_ten_lines_at_most() -> None:
    with pytest.raises(ConfigurationError, match=r"line 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, … of"):
        read_people(["wrong"] * 12)


def test_nobody_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="No address and no hash was given"):
        read_people(["", " "])


def test_the_hash_of_a_placeholder_is_nobody() -> None:
    """The digest of the empty text would remove whoever came with a broken row."""
    with pytest.raises(ConfigurationError, match="line 1"):
        read_people([hashlib.sha256(b"").hexdigest()])
