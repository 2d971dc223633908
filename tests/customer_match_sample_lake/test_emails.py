import numpy as np
import pytest

from customer_match.addresses.definition import Policy, judge
from customer_match_sample_lake.emails import BROKEN_FORMS, DUPLICATE_WINDOW, USABLE_FORMS, Form, emails

ADDRESS = "anna.smith42@mail.example.com"
MANY = np.arange(DUPLICATE_WINDOW, DUPLICATE_WINDOW + 50_000, dtype=np.uint64)


@pytest.fixture(scope="module")
def column() -> list[str | None]:
    values: list[str | None] = emails(MANY).to_pylist()
    return values


@pytest.mark.parametrize("form", USABLE_FORMS, ids=lambda form: form.name)
def test_usable_forms_hold_an_address(form: Form) -> None:
    for lot in range(60):
        value = form.write(ADDRESS, lot)
        assert judge(value, Policy.BASIC).rejection is None, value


@pytest.mark.parametrize("form", BROKEN_FORMS, ids=lambda form: form.name)
def test_broken_forms_hold_no_address(form: Form) -> None:
    for lot in range(60):
        value = form.write(ADDRESS, lot)
        assert judge(value, Policy.BASIC).rejection is not None, value


@pytest.mark.parametrize("name", ["capitals", "shouting", "spaces", "wide spaces", "zero width", "hashed"])
def test_spellings_of_one_address_are_one_member(name: str) -> None:
    form = next(form for form in USABLE_FORMS if form.name == name)
    digests = {judge(form.write(ADDRESS, lot), Policy.BASIC).digests for lot in range(60)}
    assert digests == {judge(ADDRESS, Policy.BASIC).digests}


@pytest.mark.parametrize("name", ["tag", "dots"])
def test_tags_and_dots_are_one_member_only_under_enhanced(name: str) -> None:
    form = next(form for form in USABLE_FORMS if form.name == name)
    values = [form.write("annasmith42@example.com", lot) for lot in range(60)]
    plain = judge("annasmith42@example.com", Policy.ENHANCED).digests
    assert {judge(value, Policy.ENHANCED).digests for value in values} == {plain}
    assert plain not in {judge(value, Policy.BASIC).digests for value in values}


def test_the_weights_make_a_thousand() -> None:
    assert sum(form.per_mille for form in (*USABLE_FORMS, *BROKEN_FORMS)) == 1000
    assert all(form.per_mille > 0 for form in (*USABLE_FORMS, *BROKEN_FORMS))


def test_about_92_of_100_values_are_usable(column: list[str | None]) -> None:
    usable = sum(judge(value, Policy.BASIC).rejection is None for value in column)
    assert 0.915 < usable / len(column) < 0.925


def test_two_in_a_hundred_repeat_an_earlier_profile(column: list[str | None]) -> None:
    members = [v.digests for value in column if (v := judge(value, Policy.BASIC)).rejection is None]
    assert 0.014 < 1 - len(set(members)) / len(members) < 0.022


def test_some_repeats_are_exact_and_some_differ_in_case(column: list[str | None]) -> None:
    addresses = [value for value in column if value and judge(value, Policy.BASIC).rejection is None]
    exact = len(addresses) - len(set(addresses))
    by_case = len(set(addresses)) - len({address.lower() for address in addresses})
    assert exact > 200
    assert by_case > 200


def test_the_column_has_realistic_values(column: list[str | None]) -> None:
    texts = [value for value in column if value is not None]
    assert len(texts) < len(column)
    assert "" in texts
    assert "n/a" in texts
    assert any("\u00a0" in text for text in texts)
    assert any(len(text) > 254 for text in texts)
    assert any(text.endswith("@почта.example") for text in texts)


@pytest.mark.slow
def test_every_domain_is_reserved_for_examples(column: list[str | None]) -> None:
    verdicts = [(value, judge(value, Policy.BASIC)) for value in column if value and "@" in value]
    domains = {
        value.strip().strip("\u200b\ufeff\u200e\u200f").rpartition("@")[2].lower()
        for value, verdict in verdicts
        if verdict.rejection is None
    }
    reserved = (".example", ".test", "example.com", "example.org", "example.net")
    assert domains
    assert all(domain.endswith(reserved) for domain in domains), domains
