import re
from collections import Counter

import numpy as np
import pytest

from customer_match_sample_lake.draws import Numbers
from customer_match_sample_lake.names import COUNTRIES, names


def numbers(count: int) -> Numbers:
    return np.arange(count, dtype=np.uint64)


def test_every_name_has_a_latin_form_for_addresses() -> None:
    for country in COUNTRIES:
        for name in (*country.given, *country.family):
            assert re.fullmatch(r"[a-z]+", name.latin), name


@pytest.mark.parametrize(
    ("written", "latin"),
    [
        ("Łukasz", "lukasz"),
        ("Weiß", "weiss"),
        ("Işıl", "isil"),
        ("İbrahim", "ibrahim"),
        ("O'Brien", "obrien"),
    ],
)
def test_names_have_the_expected_latin_form(written: str, latin: str) -> None:
    known = {name.written: name.latin for c in COUNTRIES for name in (*c.given, *c.family)}
    assert known[written] == latin


def test_names_come_from_the_profiles_country() -> None:
    batch = names(numbers(2_000))
    pools = {c.code: ({n.written for n in c.given}, {n.written for n in c.family}) for c in COUNTRIES}
    for code, given, family in zip(
        batch.country.to_pylist(), batch.given.to_pylist(), batch.family.to_pylist(), strict=True
    ):
        assert given in pools[code][0]
        assert family in pools[code][1]


def test_countries_are_drawn_evenly_and_all_names_are_used() -> None:
    batch = names(numbers(20_000))
    counts = Counter(batch.country.to_pylist())
    assert set(counts) == {country.code for country in COUNTRIES}
    assert min(counts.values()) > 0.85 * 20_000 / len(COUNTRIES)
    assert set(batch.given.to_pylist()) == {n.written for c in COUNTRIES for n in c.given}


def test_no_two_profiles_share_a_local_part_even_without_dots() -> None:
    local_parts = names(numbers(50_000)).local_part.to_pylist()
    assert len({local_part.replace(".", "") for local_part in local_parts}) == 50_000
