"""The course of an export over its runs: totals to draw, and sparklines.

Only what was delivered counts: of a failed upload, the members of the segment are not those of the audience.

Importing pandas takes 0.25 s, so only functions that show something import this module.
"""

from __future__ import annotations

from typing import Final

import pandas as pd
import pyarrow as pa

from customer_match.addresses.definition import Rejection
from customer_match.history.sparklines import sparkline

__all__ = ["MIN_RUNS", "REASONS", "TREND_COLUMNS", "TREND_RUNS", "sparklines_of", "trend_of"]

TREND_RUNS: Final = 30
"""How many runs the plots show."""

MIN_RUNS: Final = 2
"""With fewer runs there is no course to show."""

REASONS: Final = [f"rejected_{one}" for one in Rejection]

TREND_COLUMNS: Final = (
    "dry_run", "interval_end", "audience", "sent", "members", "added", "removed", "search_size", "network_size",
    "audience_members", *REASONS,
)  # fmt: skip
"""The columns of the history that trends need."""


def trend_of(history: pa.Table) -> pd.DataFrame:
    """Sum up the segments of each run, dry runs left out.

    Args:
        history: The rows of the newest runs, with `TREND_COLUMNS`.

    Returns:
        One row per run, in the order in which they began: `interval_end`; `members` of all audiences, where one that a
        run did not deliver counts with its last number; `added` and `removed` by deliveries; the reasons of rejected
        rows; `match_rate`, of all audiences together. Unknown values are NaN.
    """
    frame = _frame(history)
    order = frame["run_id"].drop_duplicates()
    runs = frame.groupby("run_id", sort=False)
    sums = runs[["added", "removed", *REASONS]].sum(min_count=1)
    size = frame["search_size"].fillna(frame["network_size"])
    known = pd.DataFrame({"run_id": frame["run_id"], "size": size, "of": frame["audience_members"]}).dropna()
    rates = known.groupby("run_id")[["size", "of"]].sum()
    return pd.DataFrame(
        {
            "interval_end": runs["interval_end"].last(),
            "members": _by_audience(frame).ffill().sum(axis="columns", min_count=1),
            **sums,
            "match_rate": (rates["size"] / rates["of"]).where(rates["of"] > 0),
        },
        index=order,
    )


def sparklines_of(history: pa.Table) -> dict[str, str]:
    """A sparkline of the members of each audience over the runs that delivered it."""
    members = _by_audience(_frame(history))
    return {str(name): sparkline(column.dropna()) for name, column in members.items()}


def _frame(history: pa.Table) -> pd.DataFrame:
    """All rows but those of dry runs; without the counts of members where nothing was delivered."""
    frame: pd.DataFrame = history.select(["run_id", *TREND_COLUMNS]).to_pandas()
    frame = frame[~frame["dry_run"].astype(bool)].copy()
    counts = ["members", "added", "removed"]
    frame[counts] = frame[counts].where(frame["sent"].notna())
    return frame


def _by_audience(frame: pd.DataFrame) -> pd.DataFrame:
    """Members by run (rows) and audience (columns)."""
    order = frame["run_id"].drop_duplicates()
    table = frame.dropna(subset=["audience"]).pivot_table(
        index="run_id", columns="audience", values="members", aggfunc="last", dropna=False
    )
    return table.reindex(order)
