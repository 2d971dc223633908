"""The vectorised rules give the definition's verdict, value by value, wherever they give one."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_match.addresses import rules
from customer_match.addresses.definition import (
    Policy,
    Verdict,
    basic,
    digest,
    invisible_characters,
    judge,
    trim,
)
from customer_match.addresses.rules import judge_by_rules
from tests.customer_match.addresses.test_definition import BASIC, ENHANCED, NEVER_INSIDE, REJECTED
from tests.customer_match.addresses.test_engine import VALUES, WELL_FORMED

EVERY = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
KNOWN = re.compile(rules._KNOWN).fullmatch
LETTERS = [character for character in EVERY if KNOWN(character)]
ACCENTS = re.findall(f"[{rules._ACCENTS}]", "".join(LETTERS))
FEW_LETTERS = [letter for letter in LETTERS if letter < "\u3000"]  # without the scripts that have thousands


def verdicts(values: Iterable[str], policy: Policy) -> dict[str, Verdict]:
    """The verdicts of the rules, without those of values that they do not know."""
    distinct = list(dict.fromkeys(values))
    ruled = judge_by_rules(pl.DataFrame({"value": distinct}, schema={"value": pl.String}), policy)
    assert sorted([*ruled.usable["value"], *ruled.rejected["value"], *ruled.unknown["value"]]) == sorted(
        distinct
    )
    usable = {
        value: Verdict(tuple(digest(address) for address in addresses if address is not None))
        for value, *addresses in ruled.usable.select("value", "address", "other").iter_rows()
    }
    rejected = {
        value: Verdict(rejection=reason)
        for value, reason in ruled.rejected.select("value", "reason").iter_rows()
    }
    return usable | rejected


def check(values: Iterable[str], policy: Policy) -> dict[str, Verdict]:
    found = verdicts(values, policy)
    assert found == {value: judge(value, policy) for value in found}
    return found


@pytest.mark.slow
@settings(max_examples=400)
@given(st.lists(VALUES | WELL_FORMED, max_size=30), st.sampled_from(Policy))
@example(["a b@c.de", "+b@c.de", ".+b@c.de", "a@b c.de", "a@b@c d", " ", "a" * 65 + "@b.de"], Policy.BOTH)
@example(["a≮b@c.de", "a=\u0338b@c.de", "a@=\u0338.de", "a@\u0301b.de", "é.x+y@c.de"], Policy.BOTH)
@example(
    ["é" * 32 + "@b.de", "é" * 33 + "@b.de", "a@" + "b." * 126 + "de", "a@" + "ü." * 84 + "de"],
    Policy.ENHANCED,
)
def test_random_difficult_values(values: list[str | None], policy: Policy) -> None:
    check([value for value in values if value is not None], policy)


@pytest.mark.parametrize("policy", Policy)
def test_examples_of_the_definition(policy: Policy) -> None:
    values = [value for value, _ in (*BASIC, *ENHANCED, *REJECTED) if value is not None]
    values += [f"an{inner}n@contoso.com" for inner in NEVER_INSIDE]
    found = check(values, policy)
    assert len(found) > 50  # the rules know half of them


@pytest.mark.parametrize("policy", Policy)
def test_every_character_in_both_parts(policy: Policy) -> None:
    """Thousands of letters of one script behave alike: every 60th of them."""
    sample = FEW_LETTERS + LETTERS[len(FEW_LETTERS) :: 60]
    values = [
        form for letter in sample for form in (f"a{letter}b@c.de", f"a@b{letter}c.de", f"a+{letter}@c.de")
    ]
    assert len(check(values, policy)) == len(set(values))


@pytest.mark.slow
@pytest.mark.parametrize("letters", [FEW_LETTERS, LETTERS[len(FEW_LETTERS) :]], ids=["few", "many"])
def test_letters_and_accents_are_lowered_and_composed_as_python_does_it(letters: list[str]) -> None:
    values = [f"a{letter}b@c.de" for letter in letters]
    if letters is FEW_LETTERS:
        values += [f"{letter}{accent}@c.de" for letter in letters for accent in ACCENTS]
    for policy in Policy:
        assert len(check(values, policy)) == len(set(values))


def test_letters_are_assigned_in_old_versions_of_unicode_too() -> None:
    """Unicode promises that characters, once assigned, keep their compositions and their lower case."""
    old = unicodedata.ucd_3_2_0
    late = [c for c in LETTERS if old.category(c) == "Cn" and unicodedata.category(c) != "Mn"]
    assert late == []
    assert "Σ" not in LETTERS


def test_other_characters_are_unknown() -> None:
    others = [character for character in EVERY if not KNOWN(character)]
    values = [f"a{character}b@c.de" for character in others[::7]]
    assert verdicts(values, Policy.BASIC) == {}


@pytest.mark.slow
def test_without_an_at_sign_it_is_no_address_whatever_its_characters() -> None:
    values = [f"a{character}b" for character in EVERY[::11]] + ["a\uff20b.de", "a\ufe6bb.de"]
    for policy in Policy:
        assert len(check(values, policy)) == len(values)


def test_digests_are_unknown() -> None:
    assert verdicts(["\u00a0" + "aB" * 32, "ab" * 32], Policy.BASIC) == {}


@pytest.mark.slow
def test_what_is_trimmed() -> None:
    assert invisible_characters() == "".join(sorted(c for c in EVERY if trim(c) == ""))
    assert basic("ǅ") == "ǆ"
