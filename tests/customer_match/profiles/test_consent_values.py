"""What is said about a consent column if nobody has consented: its values, unless these may be personal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from customer_match.addresses.definition import Policy
from customer_match.export.limits import Guards
from customer_match.export.people import Consent
from customer_match.profiles.consent import consent_filter
from customer_match.profiles.consent_values import ConsentColumn, ConsentValues
from customer_match.profiles.reading import ReadSpec
from customer_match.profiles.staging import Staged, stage_members
from customer_match.runs.guards import check_members
from customer_match.workspace.workspace import Workspace

DIGEST = "a" * 64


def column_of(
    *batches: list[Any], allow: Any = True, kind: pa.DataType | None = None
) -> ConsentColumn | None:
    kind = kind or pa.string()
    chosen = consent_filter(Consent(column="Ads", allow=allow), {"Ads": kind})
    values = ConsentValues()
    for one in batches:
        batch = pa.record_batch({"Ads": pa.array(one, kind)})
        values.add(chosen, batch, chosen.keep(batch).true_count)
    return values.column()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["Yes", "No", "Yes", None], "'Yes' (2 rows), 'No' (1 row), no value (1 row)"),
        (["1", "0"], "'1' (1 row), '0' (1 row)"),
        ([None, " "], "holds no value (2 rows), and none"),
        (["2026-01-31", "2025-12-01T10:00:00"], "holds dates, and none"),
        (["31.01.2026", "1/2/26"], "holds dates, and none"),
        ([f"Name {number}" for number in range(13)], "more than 12 different values"),
    ],
)
def test_what_a_column_holds_is_named(values: list[Any], said: str) -> None:
    assert said in str(column_of(values))


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (["No", "No", "Yes"], "If 'Yes' means consent, write `allow: ['Yes']`"),
        (["0", "0", "1"], "write `allow: ['1']`"),
        (["No", "Perhaps"], "Write the values that mean consent in `consent.allow`"),
        (["2026-01-31"], "replace `consent` by `where: Ads IS NOT NULL`"),
    ],
)
def test_the_remedy_never_suggests_a_refusal(values: list[Any], remedy: str) -> None:
    assert remedy in str(column_of(values))


def test_numbers_and_booleans_are_named_too() -> None:
    assert "'0' (2 rows)" in str(column_of([0, 0], allow=1, kind=pa.int8()))
    assert "'false' (1 row), no value (1 row)" in str(column_of([False, None], kind=pa.bool_()))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "value", ["anna@example.org", "anna%40example.org", DIGEST, DIGEST[:32], DIGEST[:16], "x" * 25, "a\x1bb"]
)
def test_nothing_that_may_be_personal_is_shown(value: str) -> None:
    found = column_of([value, "No"])
    assert found
    assert found.values == {"…": 1, "No": 1}
    assert value not in str(found) + found.model_dump_json()


def test_names_of_people_are_not_shown_in_several_batches() -> None:
    found = column_of(*[[f"Name {number}"] for number in range(40)])
    assert found
    assert "Name" not in found.model_dump_json().replace('"name"', "")


def test_nothing_is_collected_once_somebody_has_consented() -> None:
    assert column_of(["No"], ["true", "No"], ["No"]) is None
    assert column_of() is None


def staged(tmp_path: Path, values: list[Any], allow: Any) -> Staged:
    batch = pa.record_batch({"Email": ["a@example.org"] * len(values), "Ads": pa.array(values, pa.string())})
    consent = consent_filter(Consent(column="Ads", allow=allow), {"Ads": pa.string()})
    workspace = Workspace(LocalFileSystem(), str(tmp_path))
    return stage_members(
        [batch], ReadSpec(("Email",), consent=consent), Policy.BASIC, workspace, "members.parquet"
    )


def test_the_guard_blames_consent_and_not_the_email_column(tmp_path: Path) -> None:
    found = check_members("Gold", staged(tmp_path, ["Yes", "No"], True), Guards())
    assert found
    assert found.words == (
        "Segment 'Gold' has no members: 2 profiles read, 0 rejected, 2 without consent. The column 'Ads' holds 'Yes' "
        "(1 row), 'No' (1 row), and none of the values of `consent.allow`. If 'Yes' means consent, write "
        "`allow: ['Yes']`."
    )
    assert staged(tmp_path, ["Yes", "No"], "yes").consent is None
