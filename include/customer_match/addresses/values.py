"""Judge profiles that may have several addresses each: split them into one row a value, judge, and combine.

Values are kept in frames of three columns: `row` (the profile, from 0), `place` (the value's index among all, so that
a profile's first value has the lowest) and the value itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from customer_match.addresses.aliases import judge_suppressed
from customer_match.addresses.batch_members import JudgedValue, UsableValues
from customer_match.addresses.columns import (
    IS_ADDRESS,
    IS_EMPTY,
    IS_HASH,
    is_ascii,
    normalise_ascii,
    split,
)
from customer_match.addresses.definition import Policy, Rejection, Take, Verdict, judge
from customer_match.addresses.known_members import Compare
from customer_match.addresses.rules import Ruled, judge_by_rules

__all__ = ["NO_REJECTS", "explode_values", "judge_values"]

_REASONS = {"row": pl.UInt32, "place": pl.UInt32, "reason": pl.String}
NO_REJECTS = pl.DataFrame(schema={"row": pl.UInt32, "reason": pl.String})
"""The rejects of profiles that all have a usable address."""
_VALUE = pl.col("value")
_IS_INTERNATIONAL = ~is_ascii(_VALUE) | _VALUE.str.contains("(?i)xn--")


@dataclass(frozen=True)
class Judged:
    """Result of judging the values of some profiles.

    Attributes:
        usable: The values that are used.
        rejects: Profiles without a usable address: `row` and `reason`, in order of rows.
    """

    usable: UsableValues
    rejects: pl.DataFrame


def explode_values(rows: pl.DataFrame, columns: Sequence[str], separator: str | None) -> pl.DataFrame:
    """Return all values of the e-mail columns, one a row; a profile without values gets one null.

    Args:
        rows: The profiles: `row` and the columns, each of texts or of lists of texts.
        columns: Names of the columns, in order of preference.
        separator: Delimiter between several addresses in one text; None if a text is one address.
    """
    frames = []
    for name in columns:
        frame = rows.select("row", value=name)
        if frame.get_column("value").dtype.is_nested():
            frame = frame.explode("value", empty_as_null=True)
        frame = frame.with_columns(_VALUE.cast(pl.String))
        if separator is not None:
            frame = frame.with_columns(_VALUE.str.split(separator)).explode("value", empty_as_null=True)
        frames.append(frame)
    values = frames[0] if len(frames) == 1 else pl.concat(frames).sort("row", maintain_order=True)
    return values.with_row_index("place")


def judge_values(values: pl.DataFrame, policy: Policy, take: Take, compare: Compare | None = None) -> Judged:
    """Judge profiles by all of their values, with the same results as `definition.judge_row`."""
    has_several = values.height > values.get_column("row").n_unique()
    values = values.with_columns(normalise_ascii(values.get_column("value").to_arrow()))
    addresses, rest = split(values, IS_ADDRESS)
    hashes, rest = split(rest, IS_HASH)
    missing, rest = split(rest, _VALUE.is_null() | IS_EMPTY)
    ruled = _judge_by_rules(rest, policy, compare)
    unknown = ruled.unknown
    if has_several and take is Take.COALESCE:  # values after a usable one need not be judged
        unknown = _keep_earlier(unknown, _first([addresses, hashes, ruled.usable]))
    odd, judged, reasons = _judge(unknown, policy, judge_suppressed if compare and compare.listed else judge)
    missing = missing.with_columns(reason=pl.lit(str(Rejection.MISSING)))
    reasons = pl.concat([frame.select(_REASONS.keys()) for frame in (missing, ruled.rejected, reasons)])
    usable = [addresses, hashes, ruled.usable, odd]
    if has_several:
        first = _first(usable)
        reasons = _choose_reasons(reasons.join(first, on="row", how="anti"))
        if take is Take.COALESCE:
            usable = [frame.join(first, left_on="place", right_on="first", how="semi") for frame in usable]
    return Judged(_collect(usable, judged), reasons.sort("row").select("row", "reason"))


def _collect(usable: Sequence[pl.DataFrame], judged: Sequence[JudgedValue]) -> UsableValues:
    addresses, hashes, normalised, odd = usable
    return UsableValues(
        addresses.select("address", written="value"),
        normalised.select("address", "other"),
        hashes.get_column("address"),
        [judged[index] for index in odd.get_column("index")],
    )


def _keep_earlier(values: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """Keep values that come before the first usable one of their profile."""
    both = values.join(first, on="row", how="left")
    return both.filter((pl.col("place") < pl.col("first")).fill_null(value=True))


def _first(usable: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the index of each profile's first usable value."""
    places = pl.concat([frame.select("row", "place") for frame in usable])
    return places.group_by("row").agg(first=pl.col("place").min())


def _judge_by_rules(values: pl.DataFrame, policy: Policy, compare: Compare | None) -> Ruled:
    """Judge values by the vectorised rules; if they are compared with suppression lists, only reject values."""
    if compare is None:
        return judge_by_rules(values, policy)
    international, rest = split(values, _IS_INTERNATIONAL)  # may have other spellings
    ruled = judge_by_rules(rest, policy)
    unknown = [frame.select(values.columns) for frame in (international, ruled.usable, ruled.unknown)]
    return ruled._replace(usable=ruled.usable.clear(), unknown=pl.concat(unknown))


def _judge(
    values: pl.DataFrame, policy: Policy, judging: Callable[[str | None, Policy], Verdict]
) -> tuple[pl.DataFrame, list[JudgedValue], pl.DataFrame]:
    """Return the usable values (`row`, `place`, and `index` into the following list), that list, and reasons."""
    odd: list[tuple[int, int, int]] = []
    judged: list[JudgedValue] = []
    reasons: list[tuple[int, int, str]] = []
    for row, place, value in values.select("row", "place", "value").iter_rows():
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
    return ordered.unique("row", keep="first", maintain_order=True)
