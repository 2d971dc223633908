"""Profiles with several addresses each, taken apart: one row a value, judged together, put together again.

Values lie in frames of three columns: `row` (the profile, from 0), `place` (the value's place among all, so
that the first of a profile has the lowest) and the value itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from customer_match.addresses.aliases import judge_listed
from customer_match.addresses.batch_members import Found, OddValue, found_of
from customer_match.addresses.columns import (
    IS_ADDRESS,
    IS_HASH,
    IS_NOTHING,
    split,
    with_address,
)
from customer_match.addresses.definition import Policy, Rejection, Take, Verdict, judge
from customer_match.addresses.known_members import Compare

__all__ = ["Judged", "judge_values", "values_in"]

_REASONS = {"row": pl.UInt32, "place": pl.UInt32, "reason": pl.String}


@dataclass(frozen=True)
class Judged:
    """What became of the values of some profiles.

    Attributes:
        found: Their members.
        rejects: Profiles without a usable address: `row` and `reason`, in order of rows.
    """

    found: Found
    rejects: pl.DataFrame


def values_in(batch: pa.RecordBatch, columns: Sequence[str], separator: str | None) -> pl.DataFrame:
    """All values of the e-mail columns, one a row; a profile without any has one that is null."""
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
    """Judge profiles by all of their values, as `reference.judge_row` does."""
    addresses, rest = split(with_address(values, "value"), IS_ADDRESS)
    hashes, rest = split(rest, IS_HASH)
    if take is Take.COALESCE:  # what comes after a plain one needs no judge
        first = _first(addresses, hashes)
        rest = rest.join(first, on="row", how="left").filter(
            (pl.col("place") < pl.col("first")).fill_null(value=True)
        )
    reasons, rest = _plainly_rejected(rest)
    odd, judged, more_reasons = _judge(rest, policy, judge_listed if compare and compare.listed else judge)
    usable = pl.concat([frame.select("row") for frame in (addresses, hashes, odd)]).unique()
    rejects = _rejects(pl.concat([reasons, more_reasons]).join(usable, on="row", how="anti"))
    if take is Take.COALESCE:
        first = _first(addresses, hashes, odd)
        addresses, hashes, odd = (_only(frame, first) for frame in (addresses, hashes, odd))
    found = found_of(
        addresses.select("address", written="value"),
        hashes.get_column("address"),
        [judged[index] for index in odd["index"]],
        policy,
        compare,
    )
    return Judged(found, rejects)


def _first(*usable: pl.DataFrame) -> pl.DataFrame:
    """The place of each profile's first usable value."""
    places = pl.concat([frame.select("row", "place") for frame in usable])
    return places.group_by("row").agg(first=pl.col("place").min())


def _only(frame: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    return frame.join(first, left_on="place", right_on="first", how="semi")


def _plainly_rejected(rest: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The reasons of values whose rejection is plain, and the values that need a judge."""
    address = pl.col("address")
    missing, rest = split(rest, pl.col("value").is_null() | IS_NOTHING)
    others, rest = split(rest, ~address.str.contains("@", literal=True))
    reasons = [
        frame.select("row", "place", reason=pl.lit(str(reason)))
        for frame, reason in ((missing, Rejection.MISSING), (others, Rejection.NOT_AN_ADDRESS))
    ]
    return pl.concat(reasons), rest


def _judge(
    rest: pl.DataFrame, policy: Policy, judging: Callable[[str | None, Policy], Verdict]
) -> tuple[pl.DataFrame, list[OddValue], pl.DataFrame]:
    """The odd values that are usable (`row`, `place`, `index`: a place in the list of them), that list, reasons."""
    odd: list[tuple[int, int, int]] = []
    judged: list[OddValue] = []
    reasons: list[tuple[int, int, str]] = []
    for row, place, value in rest.select("row", "place", "value").iter_rows():
        verdict = judging(value, policy)
        if verdict.rejection:
            reasons.append((row, place, str(verdict.rejection)))
        else:
            odd.append((row, place, len(judged)))
            judged.append(OddValue(value, verdict))
    schema = {"row": pl.UInt32, "place": pl.UInt32, "index": pl.UInt32}
    return pl.DataFrame(odd, schema, orient="row"), judged, pl.DataFrame(reasons, _REASONS, orient="row")


def _rejects(reasons: pl.DataFrame) -> pl.DataFrame:
    """One reason a profile: the first that is not `missing`, else that."""
    ordered = reasons.with_columns(missing=pl.col("reason") == str(Rejection.MISSING)).sort(
        "missing", "place"
    )
    return ordered.unique("row", keep="first", maintain_order=True).sort("row").select("row", "reason")
