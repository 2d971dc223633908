"""The plots of the last runs, as parts of a page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from customer_match.history.plots import plots_of
from customer_match.history.trends import REASONS
from tests.customer_match.history.runs import DAY
from tests.customer_match.runs.reports import Page


def trend(runs: int = 3, **columns: Any) -> pd.DataFrame:
    known: dict[str, Any] = {
        "interval_end": pd.date_range(DAY, periods=runs),
        "members": [1_000.0 + run for run in range(runs)],
        "added": [20.0] * runs,
        "removed": [5.0] * runs,
        **dict.fromkeys(REASONS, [0.0] * runs),
        "match_rate": [0.5] * runs,
    }
    return pd.DataFrame(known | {"rejected_missing": [7.0] * runs} | columns)


def test_four_plots_with_their_words() -> None:
    plots = plots_of(trend(30))
    assert [plot.title for plot in plots] == [
        "Members", "Added and removed", "Profiles without a usable address", "Match rate",
    ]  # fmt: skip
    texts = [Page(plot.svg).text for plot in plots]
    assert all("01 Jun" in text for text in texts)
    assert "removed" in texts[1]
    assert "missing" in texts[2]
    assert "not an address" not in texts[2], "reasons that do not occur are not in the legend"
    assert "40%" in texts[3]


@pytest.mark.slow
def test_the_first_use_of_the_library_is_silent(tmp_path: Path) -> None:
    code = "import logging; logging.basicConfig(level=logging.INFO); import customer_match.history.plots"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert list(tmp_path.glob("fontlist*")), "it was the first use"


def test_a_plot_is_part_of_any_page() -> None:
    plots = plots_of(trend())
    page = Page("".join(plot.svg for plot in plots))
    ids = [attrs["id"] for _, attrs in page.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {name for plot in plots for name in re.findall(r'(?:url\(#|href="#)([\w-]+)', plot.svg)}
    assert targets <= set(ids)
    assert (
        next(attrs.get("aria-label") for tag, attrs in page.seen if tag == "svg")
        == "Members of the last 3 runs"
    )
    for plot in plots:
        assert "<?xml" not in plot.svg
        assert "metadata" not in plot.svg
        assert "<style" not in plot.svg
        assert "currentColor" in plot.svg
        assert not re.search(r"<svg[^>]* (?:width|height)=", plot.svg)


def test_equal_runs_make_equal_plots() -> None:
    assert plots_of(trend()) == plots_of(trend())


@pytest.mark.parametrize("unknown", ["match_rate", "rejected_missing"])
def test_what_is_not_known_is_not_drawn(unknown: str) -> None:
    plots = plots_of(trend(**{unknown: [float("nan")] * 3}))
    assert len(plots) == 3


def test_runs_without_figures() -> None:
    nothing = trend().assign(
        **dict.fromkeys([*REASONS, "members", "added", "removed", "match_rate"], float("nan"))
    )
    assert plots_of(nothing) == []
    assert len(plots_of(trend(members=[float("nan"), 5.0, float("nan")]))) == 4
