"""Judge profiles that may have several addresses each: split them into one row a value, judge, and combine.

Values are kept in frames of three columns: `row` (the profile, from 0), `place` (the value's index among all, so that
a profile's first value has the lowest) and the value itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from customer_match.addresses.aliases import judge_suppressed
from customer_match.addresses.batch_members import BatchMembers, JudgedValue, collect_members
from customer_match.addresses.columns import (
    IS_ADDRESS,
    IS_EMPTY,
    IS_HASH,
    add_address_column,
    split,
)
from customer_match.addresses.definition import Policy, Rejection, Take, Verdict, judge
from customer_match.addresses.known_members import Compare

__all__ = ["explode_values", "judge_values"]

_REASONS = {"row": pl.UInt32, "place": pl.UInt32, "reason": pl.String}


@dataclass(frozen=True)
class Judged:
    """Result of judging the values of some profiles.

    Attributes:
        found: Their members.
        rejects: Profiles without a usable address: `row` and `reason`, in order of rows.
    """

    found: BatchMembers
    rejects: pl.DataFrame


def explode_values(batch: pa.RecordBatch, columns: Sequence[str], separator: str | None) -> pl.DataFrame:
    """Return all values of the e-mail columns, one a row; a profile without values gets one null."""
    frames = []
    for name in columns:
        series: pl.Series = pl.from_arrow(batch.column(name))  # type: ignore[assignment]  # of an array
        frame = pl.DataFrame({"value": series}).with_row_index("row")
        if isinstance(series.dtype, pl.List | pl.Array):
            frame = frame.explode("value", empty_as_null=True)
        frame = frame.with_columns(pl.col("value").cast(pl.String))
        if separator is not None:
            frame = frame.with_columns(pl.col("value").str.split(separator)).explode(
                "value", empty_as_null=True
            )
        frames.append(frame)
    values = frames[0] if len(frames) == 1 else pl.concat(frames).sort("row", maintain_order=True)
    return values.with_row_index("place")


def judge_values(values: pl.DataFrame, policy: Policy, take: Take, compare: Compare | None = None) -> Judged:
    """Judge profiles by all of their values, with the same results as `definition.judge_row`."""
    addresses, rest = split(add_address_column(values, "value"), IS_ADDRESS)
    hashes, rest = split(rest, IS_HASH)
    if take is Take.COALESCE:  # values after a regular one need not be judged
        first = _first(addresses, hashes)
        rest = rest.join(first, on="row", how="left").filter(
            (pl.col("place") < pl.col("first")).fill_null(value=True)
        )
    reasons, rest = _split_rejected(rest)
    odd, judged, more_reasons = _judge(
        rest, policy, judge_suppressed if compare and compare.listed else judge
    )
    usable = pl.concat([frame.select("row") for frame in (addresses, hashes, odd)]).unique()
    rejects = _choose_reasons(pl.concat([reasons, more_reasons]).join(usable, on="row", how="anti"))
    if take is Take.COALESCE:
        first = _first(addresses, hashes, odd)
        addresses, hashes, odd = (_keep_first(frame, first) for frame in (addresses, hashes, odd))
    found = collect_members(
        addresses.select("address", written="value"),
        hashes.get_column("address"),
        [judged[index] for index in odd["index"]],
        policy,
        compare,
    )
    return Judged(found, rejects)


def _first(*usable: pl.DataFrame) -> pl.DataFrame:
    """Return the index of each profile's first usable value."""
    places = pl.concat([frame.select("row", "place") for frame in usable])
    return places.group_by("row").agg(first=pl.col("place").min())


def _keep_first(frame: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    return frame.join(first, left_on="place", right_on="first", how="semi")


def _split_rejected(rest: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the reasons of values that can be rejected without judging, and the values that must be judged."""
    address = pl.col("address")
    missing, rest = split(rest, pl.col("value").is_null() | IS_EMPTY)
    others, rest = split(rest, ~address.str.contains("@", literal=True))
    reasons = [
        frame.select("row", "place", reason=pl.lit(str(reason)))
        for frame, reason in ((missing, Rejection.MISSING), (others, Rejection.NOT_AN_ADDRESS))
    ]
    return pl.concat(reasons), rest


def _judge(
    rest: pl.DataFrame, policy: Policy, judging: Callable[[str | None, Policy], Verdict]
) -> tuple[pl.DataFrame, list[JudgedValue], pl.DataFrame]:
    """Return the usable values (`row`, `place`, and `index` into the following list), that list, and reasons."""
    odd: list[tuple[int, int, int]] = []
    judged: list[JudgedValue] = []
    reasons: list[tuple[int, int, str]] = []
    for row, place, value in rest.select("row", "place", "value").iter_rows():
        verdict = judging(value, policy)
        if verdict.rejection:
            reasons.append((row, place, str(verdict.rejection)))
        else:
            odd.append((row, place, len(judged)))
            judged.append(JudgedValue(value, verdict))
    schema = {"row": pl.UInt32, "place": pl.UInt32, "index": pl.UInt32}
    return pl.DataFrame(odd, schema, orient="row"), judged, pl.DataFrame(reasons, _REASONS, orient="row")


def _choose_reasons(reasons: pl.DataFrame) -> pl.DataFrame:
    """Choose one reason a profile: the first that is not `missing`, otherwise `missing`."""
    ordered = reasons.with_columns(missing=pl.col("reason") == str(Rejection.MISSING)).sort(
        "missing", "place"
    )
    return ordered.unique("row", keep="first", maintain_order=True).sort("row").select("row", "reason")
