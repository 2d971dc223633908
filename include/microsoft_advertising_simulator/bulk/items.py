"""Checks ``Customer List Item`` rows, a whole frame at once, and writes their result lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from microsoft_advertising_simulator.audiences import rules
from microsoft_advertising_simulator.bulk.plan import MAX_CLIENT_ID, ListPlan, name_key
from microsoft_advertising_simulator.bulk.results import Layout, line_expression, plain_columns
from microsoft_advertising_simulator.codes import code
from microsoft_advertising_simulator.model import Refusal

__all__ = ["ITEM", "judge"]

ITEM: Final = "Customer List Item"
_NO_LIST: Final = -1
_DUPLICATE: Final = 4200


@dataclass(frozen=True, slots=True)
class JudgedItems:
    """Item rows with their results; all arrays have one entry per row.

    Args:
        rows: The checked frame.
        slot: Index into the plan's decisions; -1 if no list row matches.
        error: Code of the first error; 0 = valid.
        audience_id: Id of the list; 0 if it failed.
    """

    rows: pl.DataFrame
    slot: NDArray[np.int32]
    error: NDArray[np.int32]
    audience_id: NDArray[np.int64]

    @property
    def failed(self) -> int:
        """Number of invalid rows."""
        return int(np.count_nonzero(self.error))

    def digests(self) -> dict[int, bytes]:
        """The digests of valid rows, 32 bytes each, by slot."""
        good = self.error == 0
        texts = self.rows["Text"]
        return {
            int(slot): bytes.fromhex("".join(texts.filter(pl.Series(good & (self.slot == slot))).to_list()))
            for slot in np.unique(self.slot[good])
        }

    def without_repeated(self, seen: set[tuple[int, str]]) -> JudgedItems:
        """A copy that refuses valid items whose list and hash are in `seen`; adds the others to `seen`."""
        error = self.error.copy()
        for index, (slot, text) in enumerate(zip(self.slot.tolist(), self.rows["Text"], strict=True)):
            if error[index] == 0:
                error[index] = _DUPLICATE * ((slot, text.lower()) in seen)
                seen.add((slot, text.lower()))
        return replace(self, error=error)

    def lines(self, layout: Layout, *, everything: bool) -> pl.DataFrame:
        """Result lines as a frame of ``row`` and ``line``; the line of an invalid row includes its error row.

        Args:
            layout: Columns of the result file.
            everything: Include valid rows.
        """
        frame = self.rows.with_columns(
            pl.Series("error", self.error), pl.Series("audience_id", self.audience_id)
        )
        numbers = [int(number) for number in np.unique(self.error)]
        bad = frame.filter(pl.col("error") != 0).select("row", _with_error(numbers, layout).alias("line"))
        if not everything:
            return bad
        good = frame.filter(pl.col("error") == 0).select(
            "row", line_expression(_ENTITY, layout, plain_columns(frame) | {"Type"}).alias("line")
        )
        return pl.concat([good, bad])


def judge(
    rows: pl.DataFrame, plan: ListPlan, *, upper_case: bool, refusal: Refusal | None = None
) -> JudgedItems:
    """Find each item's list and its first error.

    The order of the checks is assumed; it is observed that a failed list fails all its items with 8000.

    Args:
        rows: Item rows from the reader.
        plan: Decisions on all list rows up to the last of these rows.
        upper_case: Accept A-F in hashes.
        refusal: Injected refusal of some valid items.
    """
    slot = _slots(rows, plan)
    # The last entry of each is for slot -1: an item without its list row.
    decisions = plan.decisions
    list_error = np.array([*(d.item_error for d in decisions), 8000], dtype=np.int32)[slot]
    list_row = np.array([*(d.row for d in decisions), -1], dtype=np.int64)[slot]
    ids = np.array([*(d.audience.id if d.audience else 0 for d in decisions), 0], dtype=np.int64)
    checks = rows.select(
        sub_type=pl.col("Sub Type") != "Email",
        empty=pl.col("Text") == "",
        plain=~pl.col("Text").str.contains(rules.hash_expression(upper_case=upper_case)),
        long=pl.col("Client Id").str.len_chars() > MAX_CLIENT_ID,
    )
    error = np.select(
        [
            rows["row"].to_numpy() < list_row,
            list_error != 0,
            checks["sub_type"].to_numpy(),
            checks["empty"].to_numpy(),
            checks["plain"].to_numpy(),
            checks["long"].to_numpy(),
            _refused_rows(rows, refusal),
        ],
        [
            np.int32(8000),
            list_error,
            np.int32(8002),
            np.int32(8006),
            np.int32(8004),
            np.int32(201),
            np.int32(refusal.number if refusal else 0),
        ],
        default=np.int32(0),
    )
    return JudgedItems(rows, slot, error.astype(np.int32), ids[slot])


def _refused_rows(rows: pl.DataFrame, refusal: Refusal | None) -> NDArray[np.bool_]:
    if refusal is None:
        return np.zeros(len(rows), dtype=np.bool_)
    first_digits = pl.col("Text").str.slice(0, 8).str.to_integer(base=16, strict=False)
    refused = rows.select(refused=(first_digits < refusal.below).fill_null(value=False))
    return refused["refused"].to_numpy()


def _slots(rows: pl.DataFrame, plan: ListPlan) -> NDArray[np.int32]:
    if not plan.keys:
        return np.full(len(rows), _NO_LIST, dtype=np.int32)
    key = (
        pl.when(pl.col("Parent Id") != "")
        .then(pl.col("Parent Id"))
        .otherwise(pl.lit(name_key("")) + pl.col("Audience"))
    )
    slots = rows.select(
        key.replace_strict(
            list(plan.keys), list(plan.keys.values()), default=_NO_LIST, return_dtype=pl.Int32
        ).alias("slot")
    )
    return slots["slot"].to_numpy().astype(np.int32)


_ENTITY: Final = {
    "Type": pl.lit(ITEM),
    "Parent Id": (
        pl.when(pl.col("audience_id") > 0)
        .then(pl.col("audience_id").cast(pl.String))
        .otherwise(pl.col("Parent Id"))
    ),
    "Client Id": pl.col("Client Id"),
    "Audience": pl.col("Audience"),
    "Sub Type": pl.col("Sub Type"),
    "Text": pl.col("Text"),
}


def _with_error(numbers: Sequence[int], layout: Layout) -> pl.Expr:
    names = [code(number).name for number in numbers]
    messages = [code(number).message for number in numbers]
    error = {
        **_ENTITY,
        "Type": pl.lit(f"{ITEM} Error"),
        "Error": pl.col("error").replace_strict(numbers, names, default="", return_dtype=pl.String),
        "Error Number": pl.col("error").cast(pl.String),
        "Error Detail": pl.col("error").replace_strict(numbers, messages, default="", return_dtype=pl.String),
    }
    return pl.concat_str([line_expression(_ENTITY, layout), pl.lit("\n"), line_expression(error, layout)])
