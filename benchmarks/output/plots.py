"""Plots of time and memory over size, and of the stages beside their limits; readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.output.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_sizes", "draw_stages"]

_OURS, _OTHER = "#2f81f7", "#d29922"
_TEXT = "#7a828e"  # as far from white as from the dark pages of code hosts
_STYLE: Final[Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _TEXT),
    "grid.color": _TEXT,
    "grid.alpha": 0.25,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "legend.frameon": False,
    "svg.hashsalt": "bench",  # equal results make equal files
}
_PNG_DPI = 150


def draw_sizes(results: Sequence[Result], path: Path, *, ours: str, baseline: str, sizes: str) -> bool:
    """Draw CPU time, time and memory of one case over its sizes, as SVG and PNG.

    Args:
        results: The entries of one case.
        path: The files, without suffix.
        ours: What our side is called.
        baseline: What the baseline is called.
        sizes: What the sizes count.

    Returns:
        Whether there was something to draw: at least two sizes.
    """
    ordered = sorted(results, key=lambda result: int(result["n"]))
    if len({result["n"] for result in ordered}) < 2:
        return False

    def draw(figure: Figure) -> None:
        panels = (
            ("seconds of CPU", "cpu_seconds"),
            ("seconds", "seconds"),
            ("MB at the peak", "peak_rss_mb"),
        )
        for axes, (title, name) in zip(figure.subplots(1, 3), panels, strict=True):
            _line(axes, ordered, name, ours, _OURS)
            _line(axes, ordered, f"baseline_{name}", baseline, _OTHER)
            _over_sizes(axes, [result["n"] for result in ordered], title, sizes)
        figure.axes[0].legend(loc="upper left")

    _save(draw, path, (9.0, 3.0))
    return True


def _line(axes: Axes, results: Sequence[Result], name: str, label: str, color: str) -> None:
    known = [(result["n"], result[name]) for result in results if result.get(name)]
    axes.plot([n for n, _ in known], [value for _, value in known], "o-", label=label, color=color)


def _over_sizes(axes: Axes, ticks: Sequence[int], title: str, sizes: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(sizes)
    axes.set_xscale("log")
    axes.set_xticks(ticks)
    if title.startswith("MB"):
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_short))
        axis.set_minor_locator(NullLocator())


def _short(value: float, _: object = None) -> str:
    """4000000 is `4 M`, 500000 `500 k`, 0.5 `0.5`."""
    for unit, word in ((1_000_000, " M"), (1_000, " k")):
        if value >= unit:
            return f"{value / unit:g}{word}"
    return f"{value:g}"


def draw_stages(stages: Sequence[tuple[str, float, float]], path: Path) -> bool:
    """Draw (name, CPU seconds, CPU seconds of the limit) of each stage as bars; return whether there are any."""
    if not stages:
        return False

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = list(range(len(stages)))
        axes.barh(
            [at - 0.2 for at in places], [ours for _, ours, _ in stages], 0.38, label="ours", color=_OURS
        )
        axes.barh(
            [at + 0.2 for at in places], [limit for _, _, limit in stages], 0.38, label="limit", color=_OTHER
        )
        axes.set_yticks(places, [name for name, _, _ in stages])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("seconds of CPU")
        figure.legend(loc="outside upper right", ncols=2)

    _save(draw, path, (7.0, 0.55 * len(stages) + 0.9))
    return True


def _save(draw: Callable[[Figure], None], path: Path, size: tuple[float, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        for axes in figure.axes:
            axes.set_facecolor("none")
        figure.savefig(path.with_suffix(".svg"), transparent=True, metadata={"Date": None})
        figure.savefig(path.with_suffix(".png"), transparent=True, dpi=_PNG_DPI, metadata={"Software": None})
