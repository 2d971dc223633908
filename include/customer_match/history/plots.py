"""Plots of the last runs of an export, as SVG to be put into a page. They take the page's colours, light or dark."""

from __future__ import annotations

import io
import logging
import re
import xml.etree.ElementTree as ET  # our own output is parsed
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import pandas as pd

from customer_match.history.trends import REASONS
from customer_match.runs.report_page import Plot

# When it is first imported on a machine, it logs that it builds a cache of fonts.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

from matplotlib.figure import Figure  # noqa: E402 (as above)
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plots_of"]

_TEXT: Final = "#010203"  # replaced by the page's own colour
_ADDED, _REMOVED, _LINE = "#2f81f7", "#d29922", "#8957e5"
_REASON_COLOURS: Final = ("#8b949e", "#d29922", "#2f81f7", "#8957e5", "#3fb950")
_STYLE: Final[Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _TEXT),
    "grid.color": _TEXT,
    "grid.alpha": 0.15,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "font.size": 9,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it is read aloud, and has the font of the page
}
_SIZE: Final = (4.2, 1.9)  # inches of 72 px: the proportions
_DATES: Final = 4  # labels below the plot
_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"


def plots_of(trend: pd.DataFrame) -> list[Plot]:
    """Draw members, changes, rejected rows and the match rate; what is unknown in all runs is left out.

    Args:
        trend: The runs, as `trend_of` sums them up.
    """
    rejected = [name for name in REASONS if trend[name].sum() > 0]
    plots: list[tuple[str, list[str], Callable[[Axes], None]]] = [
        ("Members", ["members"], lambda axes: _line(axes, trend["members"])),
        ("Added and removed", ["added", "removed"], lambda axes: _changes(axes, trend)),
        ("Profiles without a usable address", rejected, lambda axes: _reasons(axes, trend, rejected)),
        ("Match rate", ["match_rate"], lambda axes: _rate(axes, trend["match_rate"])),
    ]
    return [
        Plot(title=title, svg=_svg(draw, trend, f"{title} of the last {len(trend)} runs"))
        for title, columns, draw in plots
        if trend[columns].notna().any(axis=None)
    ]


def _line(axes: Axes, values: pd.Series) -> None:
    places = range(len(values))
    axes.fill_between(places, values.to_numpy(float), color=_LINE, alpha=0.15, linewidth=0)
    axes.plot(places, values.to_numpy(float), color=_LINE, marker="o", markersize=3)
    axes.set_ylim(bottom=0)


def _rate(axes: Axes, values: pd.Series) -> None:
    _line(axes, values.ffill())
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _changes(axes: Axes, trend: pd.DataFrame) -> None:
    places = range(len(trend))
    axes.bar(places, trend["added"].fillna(0), color=_ADDED, label="added")
    axes.bar(places, -trend["removed"].fillna(0), color=_REMOVED, label="removed")
    _legend(axes)


def _reasons(axes: Axes, trend: pd.DataFrame, reasons: Sequence[str]) -> None:
    below = pd.Series(0.0, index=trend.index)
    for reason, colour in zip(REASONS, _REASON_COLOURS, strict=True):
        if reason in reasons:
            label = reason.removeprefix("rejected_").replace("_", " ")
            axes.bar(range(len(trend)), trend[reason].fillna(0), bottom=below, color=colour, label=label)
            below += trend[reason].fillna(0)
    _legend(axes)


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.12, 1),
        ncols=3,
        borderaxespad=0,
        handlelength=0.8,
        handletextpad=0.4,
        columnspacing=0.8,
        fontsize=7,
    )


def _svg(draw: Callable[[Axes], None], trend: pd.DataFrame, label: str) -> str:
    with mpl.rc_context(
        _STYLE | {"svg.hashsalt": label}
    ):  # equal plots are equal files; ids differ between plots
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))
        draw(axes)
        step = max(1, -(-(len(trend) - 1) // (_DATES - 1)))
        places = list(range(0, len(trend), step))
        dates = trend["interval_end"].iloc[places]
        axes.set_xticks(places, [f"{date:%d %b}" for date in dates])
        axes.tick_params(length=0)
        output = io.BytesIO()
        figure.savefig(output, format="svg", metadata={"Date": None}, transparent=True)
    return _for_a_page(output.getvalue().decode(), label)


def _for_a_page(svg: str, label: str) -> str:
    """Make a part of a page of an SVG file: without ids that another plot has too, in the page's colour and width."""
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(svg)  # noqa: S314 (our own)
    used = set(re.findall(r"#([\w-]+)", svg))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
    for above in list(root.iter()):
        for child in list(above):
            if child.tag in {
                f"{{{_SVG}}}metadata",
                f"{{{_SVG}}}style",
            }:  # whose rules would apply to the page
                above.remove(child)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": label}
    return ET.tostring(root, encoding="unicode").replace(_TEXT, "currentColor")
