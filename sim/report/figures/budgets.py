"""Spend against cap over time: how a window fills, when it alerts, and how far it goes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.report.budgets import event, fullest, known_caps
from sim.report.cast import place
from sim.report.cautions import capital
from sim.report.figures.base import Canvas, Sheet, cut, grid, length, time_axis
from sim.report.inputs import Study
from sim.report.numbers import NB, stat, value_text
from sim.report.style import INK, MUTED, OUTCOMES_LIGHT, TEXT, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

HEIGHT, BLOCK, LEFT = 120, 196, 54
UNDER, OVER = OUTCOMES_LIGHT["succeeded"], OUTCOMES_LIGHT["failed"]
PANELS = 12

Panel = tuple[str, Mapping[str, Any]]


def panels(study: Study) -> list[Panel]:
    """(configuration, cap): the caps of each configuration that are passed furthest, or fill most."""
    names = [name for name in study.cast.configurations if known_caps(study.summary, name)]
    each = max(1, 6 // max(1, len(names)))
    return [(name, cap) for name in names for cap in fullest(known_caps(study.summary, name))[:each]][:PANELS]


def finding(study: Study, shown: list[Panel]) -> str:
    """The cap that is passed by the largest share, or else how full the fullest gets."""
    name, cap = max(shown, key=lambda one: stat(one[1], "spend_usd").mean / float(one[1]["cap_usd"]))
    where, over = place(study.summary, name), stat(cap, "overshoot_usd")
    if over.mean > 0:
        share = value_text(stat(cap, "overshoot_share"), "share")
        amount = value_text(over, "usd")
        return f"{capital(where)} {cap['name']} goes {amount} over its cap of {cap['per']} on average, which is {share}"
    spent = value_text(stat(cap, "spend_usd"), "usd")
    return f"No spend cap is passed: the fullest, {cap['name']} {where}, gets to {spent} of {cap['per']}"


def _fill(axes: Axes, at: NDArray[Any], spend: NDArray[Any], cap: float) -> None:
    """Spend as steps: pale up to the cap, dark above it."""
    import numpy as np

    axes.fill_between(at, 0, np.minimum(spend, cap), step="post", facecolor=UNDER, linewidth=0)
    axes.fill_between(at, cap, np.maximum(spend, cap), step="post", facecolor=OVER, linewidth=0)
    axes.plot(at, spend, color=INK, linewidth=1.0, drawstyle="steps-post")


def _panel(axes: Axes, study: Study, cap: Mapping[str, Any], wide: float) -> None:
    import numpy as np

    series, amount = cap["series"], float(cap["cap_usd"])
    at = np.asarray(series["at_s"], float) / 60
    _fill(axes, at, np.asarray(series["spend_usd"], float), amount)
    axes.axhline(amount, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_ylim(0, max(amount * 1.12, max(series["spend_usd"]) * 1.05))
    alert = event(cap, "alert")
    if alert is not None:
        level = amount * float(alert["share_of_cap"])
        axes.plot([float(alert["at_s"]) / 60], [level], marker="v", color=INK, markersize=6, linestyle="none")
    shade(axes, study.spans)
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: f"${value:,.4g}" if value < 1000 else f"${value:,.0f}")
    grid(axes, "y")
    time_axis(axes, 0, max(float(at[-1]), 1e-9), max(2, int(wide / 60)), True)


def _heading(canvas: Canvas, x: float, y: float, wide: float, name: str, cap: Mapping[str, Any]) -> None:
    over, share = stat(cap, "overshoot_usd"), stat(cap, "overshoot_share")
    end = f"over by {value_text(over, 'usd')} ({value_text(share, 'share')})" if over.mean > 0 else "never over"
    canvas.text(x, y + 8, cut(name, wide - length(end) - 24, TEXT, bold=True), size=TEXT, weight="bold")
    canvas.text(x + wide, y + 8, end, ha="right", color=OVER if over.mean > 0 else MUTED)
    canvas.text(x, y + 24, cut(f"{cap['name']}, {cap['per']}, {cap['mode']}", wide), color=MUTED)


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None when no cap's spend is known."""
    shown = panels(study)
    if not shown:
        return None
    across = max(1, min(len(shown), width // 330))
    canvas = Canvas(width, 24 + -(-len(shown) // across) * BLOCK)
    canvas.key(0, 7, [(UNDER, "spent in the window, up to the cap"), (OVER, "over the cap")])
    wide = width / across - 14
    for number, (name, cap) in enumerate(shown):
        x, y = (number % across) * (wide + 14), 24 + (number // across) * BLOCK
        _heading(canvas, x, y, wide, name, cap)
        _panel(canvas.panel(x + LEFT, y + 38, wide - LEFT - 4, HEIGHT), study, cap, wide - LEFT)
    left = sum(len(known_caps(study.summary, name)) for name in study.cast.configurations) - len(shown)
    title = finding(study, shown)
    subtitle = f"USD spent in a cap’s window by time (hours:minutes), mean of replications; dashed: the cap;{NB}"
    subtitle += "▾: its first alert" + (f"; {left} less full caps not shown" if left else "")
    return Sheet(canvas.figure, title, subtitle, f"Spend against {len(shown)} spend caps over time. {title}.")
