"""The step `normalise`: what is staged, and what stops it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_microsoft_advertising.run.chunk import chunk_segment
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.runs.records import Failure, Step
from tests.airflow_microsoft_advertising.run.small_lake import (
    GOLD,
    SILVER,
    Lake,
    digest,
    failure,
    hexes,
    prepare,
)


@pytest.mark.parametrize("policy", ["basic", "enhanced", "both"])
def test_the_policy_of_the_export_counts(lake: Lake, policy: str) -> None:
    lake.write("Silver", ["d.ora+news@example.com"])
    run = lake.run(normalisation=policy)
    prepare(run, SILVER)
    basic, enhanced = digest("d.ora+news@example.com"), digest("dora@example.com")
    wanted = {"basic": {basic}, "enhanced": {enhanced}, "both": {basic, enhanced}}[policy]
    assert hexes(run, normalise_segment(run, SILVER).staged.members) == wanted


def test_the_log_has_the_counts_that_are_not_zero(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run = lake.run()
    prepare(run, GOLD)
    told = "6 profiles read, 2 rejected (missing 1, not an address 1), 1 duplicates, 3 members"
    assert told in caplog.text


@pytest.mark.bad_input
def test_an_empty_table_that_may_be_empty_comes_to_an_empty_audience(lake: Lake) -> None:
    """Also on its first run, when the audience is still to be made."""
    lake.write("Gold", [])
    for options in ({"guards": {"allow_empty": True}}, {"ignore_guards": True}):
        run = lake.run(**options)
        prepare(run, GOLD)
        plan = chunk_segment(run, GOLD).plan
        assert plan
        assert (plan.parts, plan.target.count) == ((), 0)


@pytest.mark.bad_input
def test_a_segment_of_rejected_profiles_alone_is_empty(lake: Lake) -> None:
    lake.write("Gold", [None] * 7 + ["nothing"])
    run = lake.run()
    validate_segment(run, GOLD)
    with pytest.raises(
        AirflowFailException, match=r"no members: 8 profiles read, 8 rejected \(missing 7, not an address 1\)"
    ):
        normalise_segment(run, GOLD)


@pytest.mark.bad_input
def test_too_many_rejected_profiles_stop_the_segment(lake: Lake) -> None:
    lake.write("Gold", ["nothing", "of", "use", "anna@example.com"])
    run = lake.run()
    validate_segment(run, GOLD)
    with pytest.raises(AirflowFailException, match=r"3 of 4 profiles.*at most 50%.*max_rejected"):
        normalise_segment(run, GOLD)
    assert failure(run, GOLD).step is Step.NORMALISE
    [words] = normalise_segment(lake.run(ignore_guards=True), GOLD).overridden
    assert words.startswith("3 of 4 profiles")
    assert run.records(GOLD).read(Failure) is None, "the next try was right"


def test_email_and_consent_of_a_segment_take_precedence(lake: Lake) -> None:
    path = lake.write("Gold", ["anna@example.com", "bob@example.com"], "Mail")
    table = pq.read_table(path).append_column("Ads", pa.array(["ja", "nein"]))
    pq.write_table(table, path)
    own = {"email": "Mail", "consent": {"column": "Ads", "allow": ["ja"]}}
    run = lake.run(segments=[{"table": "Gold", "audience": "Gold customers", **own}, "Silver"])
    for segment, wanted in ((GOLD, "anna@example.com"), (SILVER, "dora@example.com")):
        validate_segment(run, segment)
        assert hexes(run, normalise_segment(run, segment).staged.members) == {digest(wanted)}
    pattern = lake.run(segments=[{"table": "G*", **own}])
    gold = GOLD.model_copy(update={"audience": "Gold"})
    assert validate_segment(pattern, gold).columns == ("Mail",)
    assert normalise_segment(pattern, gold).staged.without_consent == 1


@pytest.mark.bad_input
def test_values_that_no_allowed_one_matches_are_named(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    path = lake.write("Gold", ["anna@example.com", "bob@example.com"])
    pq.write_table(pq.read_table(path).append_column("Ads", pa.array(["Yes", "No"])), path)
    keys = {"segments": "Gold", "consent": {"column": "Ads", "allow": [True]}}
    gold = GOLD.model_copy(update={"audience": "Gold"})
    run = lake.run(**keys)
    validate_segment(run, gold)
    with pytest.raises(AirflowFailException, match=r"'Ads' holds 'Yes' \(1 row\).*write `allow: \['Yes'\]`"):
        normalise_segment(run, gold)
    allowed = lake.run(guards={"allow_empty": True}, **keys)
    validate_segment(allowed, gold)
    normalise_segment(allowed, gold)
    assert "Nobody has consented. The column 'Ads' holds 'Yes'" in caplog.text
