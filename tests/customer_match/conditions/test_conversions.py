"""Casts in a condition: from every kind of value to every type, row by row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from customer_match.conditions.row_filter import row_filter
from customer_match.errors import ConfigurationError

DAY = dt.date(2026, 1, 2)
NIGHT = dt.datetime(2026, 1, 2)  # noqa: DTZ001 (what Arrow stores has no zone)
MORNING = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001
TIMES: dict[str, dt.datetime | None] = {
    "2026-01-02": NIGHT,
    " 2026-1-2 ": NIGHT,
    "2026-01-02 03:04:05": MORNING,
    "2026-01-02T03:04:05": MORNING,
    "2026-01-02T03:04:05Z": MORNING,
    "2026-01-02 03:04:05+00": MORNING,
    "2026-01-02 05:04:05+02:00": MORNING,
    "2026-01-01T23:34:05-0330": MORNING,
    "2026-01-02 03:04:05.5": MORNING.replace(microsecond=500_000),
    "2026-01-02T04:04:05.123456789 +01:00": MORNING.replace(microsecond=123_456),
    "2026-01-02 03:04": MORNING.replace(second=0),
    "2026-01-02T03:04Z": MORNING.replace(second=0),
    "2026-01-02T04:04+01:00": MORNING.replace(second=0),
    "26-01-02": None,
    "+2026-01-02": None,
    "12026-01-02": None,
    "20260102": None,
    "02.01.2026": None,
    "2026-02-30": None,
    "2026-01-02x": None,
    "2026-01-0203:04:05": None,
    "2026-01-02 24:00:00": None,
    "2026-01-02 23:59:60": None,
    "": None,
    "x": None,
}
OTHERS: list[tuple[str, pa.DataType, dict[str, Any]]] = [
    (
        "INT",
        pa.int64(),
        {"7": 7, " 7 ": 7, "+7": 7, "-7": -7, "7.0": None, "7e1": None, "": None, "3000000000": None},
    ),
    ("BIGINT", pa.int64(), {"3000000000": 3_000_000_000, "9223372036854775808": None}),
    ("TINYINT", pa.int64(), {"127": 127, "128": None}),
    (
        "DOUBLE",
        pa.float64(),
        {" 1.5\r": 1.5, "1e2": 100.0, "1,5": None, "NaN": None, "inf": None, "1e999": None},
    ),
    (
        "DECIMAL(3, 1)",
        pa.decimal128(3, 1),
        {
            "1.25": Decimal("1.3"),
            " -1.25": Decimal("-1.3"),
            "1.2499999": Decimal("1.2"),
            "100": None,
            "x": None,
        },
    ),
    (
        "BOOLEAN",
        pa.bool_(),
        {
            "true": True,
            " T ": True,
            "Yes": True,
            "1": True,
            "FALSE": False,
            "off": False,
            "0": False,
            "2": None,
        },
    ),
    (
        "TIME",
        pa.time64("ns"),
        {"10:11": dt.time(10, 11), "10:11:12.5": dt.time(10, 11, 12, 500_000), "24:00": None, "10": None},
    ),
    ("TEXT", pa.string(), {" x ": " x ", "": ""}),
]
TEXTS = [
    ("TIMESTAMP", pa.timestamp("us"), TIMES),
    ("DATETIME", pa.timestamp("us"), TIMES),
    ("DATE", pa.date32(), {text: found and found.date() for text, found in TIMES.items()}),
    *OTHERS,
]


def given(condition: str, **columns: pa.Array) -> list[bool]:
    batch = pa.record_batch(columns)
    return (
        row_filter(condition, dict(zip(batch.schema.names, batch.schema.types, strict=True)))
        .keep(batch)
        .to_pylist()
    )


def as_text(value: Any) -> str:
    return "NULL" if value is None else str(value)


@pytest.mark.parametrize(("target", "kind", "values"), TEXTS, ids=[one[0] for one in TEXTS])
def test_text_is_converted_row_by_row(target: str, kind: pa.DataType, values: dict[str, Any]) -> None:
    texts = pa.array([*values, None])
    wanted = pa.array([*values.values(), None], kind)
    if pa.types.is_time(
        kind
    ):  # no table can have them: compared as text, which polars writes without fractions
        told = [one and one.isoformat()[:8] for one in wanted.to_pylist()]
        condition = f"TRY_CAST(TRY_CAST(s AS {target}) AS TEXT) IS NOT DISTINCT FROM w"
        assert given(condition, s=texts, w=pa.array(told)) == [True] * len(texts)
        assert given("TRY_CAST(s AS TIME) > TIME '10:11:12'", s=texts) == [False, True, *[False] * 3]
        return
    condition = f"TRY_CAST(s AS {target}) IS NOT DISTINCT FROM w"
    assert given(condition, s=texts, w=wanted) == [True] * len(texts)
    for text, value in zip(texts, wanted, strict=True):  # alone, as in another batch
        assert given(condition, s=pa.array([text]), w=pa.array([value])) == [True], text


@pytest.mark.bad_input
@pytest.mark.parametrize(("target", "kind", "values"), TEXTS, ids=[one[0] for one in TEXTS])
def test_cast_stops_where_try_cast_makes_null(target: str, kind: pa.DataType, values: dict[str, Any]) -> None:
    condition = f"CAST(s AS {target}) IS NULL"
    fits = [text for text, value in values.items() if value is not None]
    assert given(condition, s=pa.array([*fits, None])) == [False] * len(fits) + [True]
    for text in values.keys() - set(fits):
        with pytest.raises(ConfigurationError, match="TRY_CAST, which returns null for such values"):
            given(condition, s=pa.array([*fits, text]))


VALUES = {
    "whole": pa.array([0, 300, -1, None]),
    "float": pa.array([0.5, float("nan"), 1e30, -2.5]),
    "exact": pa.array([Decimal("1.25"), Decimal("-1.25"), None, Decimal("0.00")], pa.decimal128(10, 2)),
    "truth": pa.array([True, False, None, True]),
    "day": pa.array([DAY, None, DAY, DAY]),
    "time": pa.array([MORNING, None, MORNING, MORNING], pa.timestamp("ms")),
}
"""For each kind of column: what a cast gives, as text; a type that is not named is refused."""
GIVEN: dict[str, dict[str, list[str | None]]] = {
    "whole": {
        "BIGINT": ["0", "300", "-1", None],
        "TINYINT": ["0", None, "-1", None],
        "DOUBLE": ["0.0", "300.0", "-1.0", None],
        "DECIMAL(3, 1)": ["0.0", None, "-1.0", None],
        "BOOLEAN": ["false", "true", "true", None],
        "TEXT": ["0", "300", "-1", None],
    },
    "float": {
        "BIGINT": ["0", None, None, "-2"],
        "TINYINT": ["0", None, None, "-2"],
        "DOUBLE": ["0.5", "NaN", "1e+30", "-2.5"],
        "DECIMAL(3, 1)": ["0.5", None, None, "-2.5"],
        "BOOLEAN": ["true", "true", "true", "true"],
        "TEXT": ["0.5", "NaN", "1e+30", "-2.5"],
    },
    "exact": {
        "BIGINT": ["1", "-1", None, "0"],
        "TINYINT": ["1", "-1", None, "0"],
        "DOUBLE": ["1.25", "-1.25", None, "0.0"],
        "DECIMAL(3, 1)": ["1.3", "-1.3", None, "0.0"],
        "BOOLEAN": ["true", "true", None, "false"],
        "TEXT": ["1.25", "-1.25", None, "0.00"],
    },
    "truth": {
        "BIGINT": ["1", "0", None, "1"],
        "TINYINT": ["1", "0", None, "1"],
        "DOUBLE": ["1.0", "0.0", None, "1.0"],
        "DECIMAL(3, 1)": ["1.0", "0.0", None, "1.0"],
        "BOOLEAN": ["true", "false", None, "true"],
        "TEXT": ["true", "false", None, "true"],
    },
    "day": {
        "DATE": ["2026-01-02", None, "2026-01-02", "2026-01-02"],
        "TIMESTAMP": ["2026-01-02 00:00:00.000000", None, *["2026-01-02 00:00:00.000000"] * 2],
        "TEXT": ["2026-01-02", None, "2026-01-02", "2026-01-02"],
    },
    "time": {
        "DATE": ["2026-01-02", None, "2026-01-02", "2026-01-02"],
        "TIMESTAMP": ["2026-01-02 03:04:05.000", None, *["2026-01-02 03:04:05.000"] * 2],
        "TIME": ["03:04:05", None, "03:04:05", "03:04:05"],
        "TEXT": ["2026-01-02 03:04:05.000", None, *["2026-01-02 03:04:05.000"] * 2],
    },
}
TYPES = ["BIGINT", "TINYINT", "DOUBLE", "DECIMAL(3, 1)", "BOOLEAN", "DATE", "TIMESTAMP", "TIME", "TEXT"]


@pytest.mark.parametrize("target", TYPES)
@pytest.mark.parametrize("kind", GIVEN)
def test_other_values_are_converted_or_rejected_before_a_row_is_read(kind: str, target: str) -> None:
    condition = f"(TRY_CAST(TRY_CAST(x AS {target}) AS TEXT)) IS NOT DISTINCT FROM w"
    wanted = GIVEN[kind].get(target)
    if wanted is None:
        with pytest.raises(
            ConfigurationError,
            match=rf"converts to {target.partition('(')[0]} an expression of type .*Text and num",
        ):
            row_filter(condition, {"x": VALUES[kind].type, "w": pa.string()})
    else:
        assert given(condition, x=VALUES[kind], w=pa.array(wanted)) == [True] * len(wanted)


def test_a_column_without_a_value_is_converted_to_everything() -> None:
    for target in TYPES:
        assert given(f"CAST(x AS {target}) IS NULL", x=pa.nulls(2, pa.string())) == [True, True]
        assert given(f"CAST(NULL AS {target}) IS NULL AND x = 1", x=pa.array([1, 2])) == [True, False]


def test_whole_numbers_do_not_overflow() -> None:
    assert given("CAST(x AS TINYINT) * 100 = 10000", x=pa.array(["100", "1"])) == [True, False]
    assert given("CAST(x AS INT UNSIGNED) - 5 < 0", x=pa.array([1, 9])) == [True, False]


@pytest.mark.bad_input
@pytest.mark.parametrize("kind", [pa.string(), pa.bool_(), pa.date32()], ids=str)
def test_only_numbers_are_rounded(kind: pa.DataType) -> None:
    with pytest.raises(
        ConfigurationError, match=r"rounds an expression of type .*Only numbers can be rounded"
    ):
        row_filter("ROUND(x) = 1", {"x": kind})
