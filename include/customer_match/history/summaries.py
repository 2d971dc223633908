"""The history as tables for people: runs, one audience over the runs, and the present state.

Importing pandas takes 0.25 s, so only functions that show something import this module.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import pyarrow as pa

from customer_match.history.trends import sparklines_of
from customer_match.runs.report import Outcome

__all__ = ["audience_summary", "newest_rows", "run_summary", "status_summary"]

_COUNTS: Final = ["profiles", "rejected", "members", "added", "removed"]
_TIME: Final = "%Y-%m-%d %H:%M"


def run_summary(history: pa.Table) -> pd.DataFrame:
    """One row per run, in the order in which they began; counts are `Int64`, where `<NA>` means unknown.

    Columns: `began` (UTC), `kind`, `result`, `segments` (succeeded / all), the sums of the counts, `run`.
    """
    frame = _frame(history)
    if frame.empty:
        return pd.DataFrame()
    frame["good"] = frame["outcome"].notna() & (frame["outcome"] != Outcome.FAILED)
    runs = frame.groupby("run_id", sort=False)
    succeeded, segments = runs["good"].sum().astype(str), runs["outcome"].count().astype(str)
    table = pd.DataFrame(
        {
            "began": runs["began"].first(),
            "kind": runs["kind"].first().fillna("unknown"),
            "result": runs["result"].first(),
            "segments": succeeded + " / " + segments,
            **{name: runs[name].sum(min_count=1) for name in _COUNTS},
        }
    )
    return table.rename_axis("run").reset_index()[[*table.columns, "run"]]


def audience_summary(history: pa.Table, audience: str) -> pd.DataFrame:
    """One row per run with an audience: `began`, `outcome`, the counts, `matched` users, `match rate`, `run`."""
    frame = _frame(history)
    frame = frame[frame["audience"] == audience]
    columns = ["began", "outcome", *_COUNTS, "matched", "match rate", "run_id"]
    return frame[columns].rename(columns={"run_id": "run"}).reset_index(drop=True)


def status_summary(history: pa.Table) -> pd.DataFrame:
    """One row per audience, by its newest run: `audience`, `last run`, `outcome`, counts, `trend`, `matched` users.

    `trend` is a sparkline of its members; dry runs are no part of it.
    """
    frame = _frame(history).dropna(subset=["audience"])
    newest = frame.drop_duplicates("audience", keep="last").sort_values("audience")
    table = newest[["audience", "began", "outcome", *_COUNTS, "matched", "match rate"]]
    table = table.rename(columns={"began": "last run"}).reset_index(drop=True)
    trend = table["audience"].map(sparklines_of(history)).fillna("")
    table.insert(list(table).index("members") + 1, "trend", trend)
    return table


def newest_rows(history: pa.Table) -> list[dict[str, Any]]:
    """The newest row of each audience, and that of the newest run if it had no segments; all columns."""
    rows = history.to_pylist()
    newest = {row["audience"]: row for row in rows}
    return [row for audience, row in newest.items() if audience is not None or row is rows[-1]]


def _frame(history: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = history.to_pandas(integer_object_nulls=True)
    counts = [*_COUNTS, "search_size", "network_size"]
    frame[counts] = frame[counts].astype("Int64")
    frame["began"] = frame["started"].dt.strftime(_TIME)
    frame["matched"] = frame["search_size"].fillna(frame["network_size"])
    frame["match rate"] = [f"{rate:.0%}" if pd.notna(rate) else None for rate in frame["match_rate"]]
    frame["result"] = frame["run_state"].where(
        ~frame["dry_run"].astype(bool), frame["run_state"] + " (dry run)"
    )
    frame["result"] = frame["result"].replace("dry run (dry run)", "dry run")
    return frame
