"""How the months' bills are spread: a hill for each configuration, with the middle, the tail and the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report.cost_view import View, dollars
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.numbers import NB
from sim.report.style import GRID, INK, MUTED, OUTCOMES_LIGHT, RAMP_LIGHT, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HILL, ROW = 46.0, 66.0
FILL, TAIL, BUDGET = RAMP_LIGHT[4], RAMP_LIGHT[8], OUTCOMES_LIGHT["failed"]
BINS = 90


def finding(view: View) -> str:
    """How far the tail is from the middle, first and last configuration."""
    first = view.names[0]

    def said(name: str) -> str:
        total = view.configuration(name)["total"]
        return f"{dollars(total['bill_p50']['mean'])} to {dollars(total['bill_p95']['mean'])}"

    text = f"From the middle month to one in twenty, a bill goes from {said(first)} under “{first}”"
    return text if len(view.names) == 1 else f"{text}, from {said(view.names[-1])} under “{view.names[-1]}”"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where nothing costs anything."""
    bills = {name: view.configuration(name)["bills_usd"] for name in view.names}
    top = max(_end(values) for values in bills.values())
    if not top > 0:
        return None
    room = min(max(length(name, TEXT) for name in bills) + 14, 150.0 if width > 500 else 84.0)
    height = len(bills) * ROW
    canvas = Canvas(width, height + 44, 14 if view.budget is not None else 4)
    axes = canvas.panel(room, 0, width - room - 8, height)
    axes.set_xlim(0, top)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    grid(axes)
    axes.xaxis.set_major_formatter(lambda value, _: f"${value:,.0f}")
    axes.locator_params(axis="x", nbins=max(3, int((width - room) / 110)))
    for at, (name, values) in enumerate(bills.items()):
        _hill(axes, values, at * ROW + ROW - 14, top, view.configuration(name)["total"])
        canvas.text(0, at * ROW + ROW - 22, cut(name, room - 6, TEXT, bold=True), size=TEXT, weight="bold")
    if view.budget is not None and view.budget <= top:
        axes.axvline(view.budget, color=BUDGET, linewidth=1.4, linestyle=(0, (4, 3)), zorder=4)
        at_pixels = room + (width - room - 8) * view.budget / top
        side = "left" if at_pixels < width - 150 else "right"
        canvas.text(at_pixels, -8, f"budget {dollars(view.budget)}", color=BUDGET, ha=side)
    title = finding(view)
    subtitle = (
        f"Dollars billed a month, {view.months:,} months a configuration; each hill to its own height. Dark: the "
        f"dearest 5{NB}% of months. Line: median; diamond: mean; numbers: 95th percentile"
    )
    return Sheet(canvas.figure, title, subtitle, f"Hills of monthly bills of {len(bills)} configurations. {title}.")


def _end(values: list[float]) -> float:
    """Where the axis may end for one configuration: nearly all of its months."""
    return 1.04 * values[min(len(values) - 1, int(0.997 * len(values)))]


def _hill(axes: Axes, values: list[float], ground: float, top: float, total: dict[str, dict[str, float]]) -> None:
    """A histogram that stands on ``ground``; months beyond the axis are at its end."""
    import numpy as np

    counts, edges = np.histogram(np.minimum(values, top * 0.9999), bins=BINS, range=(0, top))
    heights = HILL * counts / max(1, counts.max())
    tail = total["bill_p95"]["mean"]
    for at, tall in enumerate(heights.tolist()):
        if tall > 0:
            colour = TAIL if edges[at] >= tail else FILL
            axes.fill_between(
                [edges[at], edges[at + 1]], ground, ground - max(tall, 1.2), color=colour, linewidth=0, zorder=2
            )  # fmt: skip
    axes.plot([0, top], [ground, ground], color=GRID, linewidth=1, zorder=1)
    middle, mean = total["bill_p50"]["mean"], total["bill_mean"]["mean"]
    axes.plot([middle, middle], [ground + 3, ground - HILL], color=INK, linewidth=1.3, zorder=3)
    axes.plot([mean], [ground + 4], marker="D", markersize=5, color=INK, zorder=5, linestyle="none")
    axes.text(
        tail, ground - 12, f"{NB}{dollars(tail)}", color=MUTED, fontsize=10.5, ha="left", va="bottom", zorder=6,
        parse_math=False,
    )  # fmt: skip
