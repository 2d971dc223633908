"""`consent`: what means consent in columns of each kind; what is not said to mean it does not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from customer_match.errors import ConfigurationError
from customer_match.export.people import Consent
from customer_match.profiles.consent import consent_filter
from customer_match.tables.columns import Columns
from customer_match.tables.values import stream_type

BIG = 2**53 + 1

CASES: list[tuple[pa.DataType, list[Any], Any, list[bool]]] = [
    (pa.string(), ["yes", " YES ", "Yés", "no", "", None], ["Yes"], [True, True, False, False, False, False]),
    (pa.string(), ["Ja", "jA", "nein"], ["JA", "oui"], [True, True, False]),
    (pa.string(), ["TRUE", "true", "1", "false", None], True, [True, True, False, False, False]),
    (pa.string(), ["1", "1.0", "0", "true"], 1, [True, False, False, False]),
    (pa.string(), ["ÄÖ", "äö"], "äÖ", [True, True]),
    (pa.string(), ["İzinli", "izinli", "İZİNSİZ"], "İzinli", [True, True, False]),
    (pa.bool_(), [True, False, None], True, [True, False, False]),
    (pa.bool_(), [True, False, None], [" True"], [True, False, False]),
    (pa.bool_(), [True, False, None], [True, False], [True, True, False]),
    (pa.int8(), [1, 0, None], [1], [True, False, False]),
    (pa.int64(), [1, 2, 3], ["1", 3.0], [True, False, True]),
    (pa.int64(), [BIG, BIG - 1], BIG, [True, False]),
    (pa.uint64(), [2**64 - 1, 1], 2**64 - 1, [True, False]),
    (pa.float64(), [1.0, 0.5, float("nan"), None], [1, "0.5"], [True, True, False, False]),
    (pa.decimal128(10, 2), [Decimal("1.00"), Decimal("0.50"), None], 1, [True, False, False]),
    (pa.decimal128(20, 0), [Decimal(BIG), Decimal(BIG - 1), None], BIG, [True, False, False]),
    (pa.decimal128(20, 0), [Decimal(BIG), Decimal(BIG - 1)], [str(BIG - 1), "1e3"], [False, True]),
    (
        pa.decimal128(20, 2),
        [Decimal(BIG), Decimal("0.10"), Decimal("0.11")],
        [f"{BIG}.00", 0.1],
        [True, True, False],
    ),
    (pa.decimal256(60, 1), [Decimal(10**50), Decimal(10**50 + 1)], 10**50, [True, False]),
    (pa.decimal128(20, -2), [Decimal(100), Decimal(200)], 100, [True, False]),
    (pa.decimal32(5, 2), [Decimal("1.50"), None], ["1.5"], [True, False]),
    (pa.decimal64(16, 0), [Decimal(BIG - 2), Decimal(BIG - 1)], BIG - 1, [False, True]),
    (pa.null(), [None, None], "yes", [False, False]),
]


@pytest.mark.parametrize(("kind", "values", "allow", "kept"), CASES)
def test_what_means_consent(kind: pa.DataType, values: list[Any], allow: Any, kept: list[bool]) -> None:
    found = consent_filter(Consent(column="consent", allow=allow), {"Id": pa.int64(), "Consent": kind})
    stored = pa.string() if kind == pa.null() else kind
    batch = pa.record_batch({"Consent": pa.array(values, stored)})
    assert found.column == "Consent"
    assert found.keep(batch).to_pylist() == kept
    assert found.keep(batch.slice(1)).to_pylist() == kept[1:]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("kind", "allow", "message"),
    [
        (pa.bool_(), 1, "holds true and false, so it can never hold some value"),
        (pa.bool_(), ["yes"], r"such as `allow: \[true\]`"),
        (pa.int64(), True, "holds numbers"),
        (pa.int64(), ["yes"], r"such as `allow: \[1\]`"),
        (pa.int64(), 0.5, "holds int64"),
        (pa.int8(), 1000, "holds int8"),
        (pa.float32(), "x", "holds numbers"),
        (pa.float64(), "nan", "holds numbers"),
        (pa.float64(), "inf", "holds numbers"),
        (pa.int64(), 10**400, "holds numbers"),
        (pa.int64(), "9" * 400, "holds numbers"),
        (pa.decimal128(5, 2), "0.555", r"holds decimal128\(5, 2\)"),
        (pa.decimal128(5, 2), 1000, r"holds decimal128\(5, 2\)"),
        (pa.decimal128(5, 2), True, "holds numbers"),
        (pa.decimal128(5, 2), ["nan"], "holds numbers"),
        (pa.decimal128(5, 2), "x", "holds numbers"),
        (pa.decimal256(76, 0), "1e999999999", "holds numbers"),
        (pa.date32(), "x", r"holds date32\[day\], which cannot express consent"),
        (pa.list_(pa.string()), "x", "cannot express consent"),
        (pa.binary(4), "x", "holds 4 bytes a value, which cannot express consent"),
    ],
)
def test_values_that_the_column_can_never_hold(kind: pa.DataType, allow: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        consent_filter(Consent(column="C", allow=allow), {"C": kind})


@pytest.mark.bad_input
def test_a_missing_column_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"Did you mean 'Consent'\?.*Correct `consent\.column`"):
        consent_filter(Consent(column="Consnt", allow=True), {"Consent": pa.bool_()})


@pytest.mark.parametrize(
    "kind", [pa.null(), pa.float64(), pa.timestamp("us"), pa.string(), pa.bool_()], ids=str
)
def test_nobody_has_consented_where_no_row_has_a_value(kind: pa.DataType) -> None:
    columns = Columns({"Consent": kind})
    columns.holds_nothing = lambda name: name == "Consent"
    consent = consent_filter(Consent(column="Consent", allow=[True]), columns)
    batch = pa.record_batch({"Consent": pa.nulls(2, stream_type(kind))})
    assert consent.keep(batch).to_pylist() == [False, False]
