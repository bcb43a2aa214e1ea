"""How likely a month costs more than a sum: a falling curve for each configuration, chances by tens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report.cost_view import View, dollars
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.figures.month_axis import spread
from sim.report.numbers import NB
from sim.report.style import INK, MUTED, OUTCOMES_LIGHT, TEAMS_LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT, LEFT, MOST = 250.0, 62.0, 6
DASHES = ((0, ()), (0, (6, 2)), (0, (2, 2)), (0, (8, 2, 2, 2)), (0, (1, 3)), (0, (12, 4)))
"""Told apart in grey by their dashes."""


def finding(view: View) -> str:
    """The chance to exceed the budget, or the tail, at both ends."""
    names = list(dict.fromkeys((view.names[0], view.names[-1])))
    if view.budget is None:
        worst = [dollars(view.configuration(name)["total"]["bill_worst"]["mean"]) for name in names]
        return f"The worst of {view.months:,} months costs {' and '.join(worst)} under {_both(names)}"
    shares = [view.configuration(name)["total"]["exceed"]["mean"] for name in names]
    said = " and ".join(f"{100 * share:.1f}{NB}%" for share in shares)
    return f"{said} of months exceed {dollars(view.budget)} under {_both(names)}"


def _both(names: list[str]) -> str:
    return " and ".join(f"“{name}”" for name in names)


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where nothing costs anything."""
    names = view.names[:MOST]
    bills = {name: view.configuration(name)["bills_usd"] for name in names}
    top = 1.03 * max(values[-1] for values in bills.values())
    if not top > 0 or view.months < 10:
        return None
    room = min(max(length(name) for name in names) + 40, 150.0 if width > 500 else 100.0)
    canvas = Canvas(width, HEIGHT + 54, 26)
    axes = canvas.panel(LEFT, 0, width - LEFT - room, HEIGHT)
    axes.set_xlim(0, top)
    axes.set_yscale("log")
    axes.set_ylim(0.7 / view.months, 1.0)
    axes.minorticks_off()
    grid(axes, "both")
    ticks = [share for share in (1.0, 0.1, 0.01, 0.001, 0.0001) if share >= 0.7 / view.months]
    axes.set_yticks(ticks, [f"{100 * share:g}{NB}%" for share in ticks])
    axes.xaxis.set_major_formatter(lambda value, _: f"${value:,.0f}")
    axes.locator_params(axis="x", nbins=max(3, int((width - LEFT - room) / 110)))
    canvas.text(0, -18, "months that cost more", color=MUTED)
    if view.budget is not None:
        axes.axvline(view.budget, color=OUTCOMES_LIGHT["failed"], linewidth=1.3, linestyle=(0, (4, 3)), zorder=1)
    _curves(canvas, axes, bills, width - room)
    title = finding(view)
    subtitle = "Share of months (by tens, upwards) whose bill is above the sum below, in dollars"
    subtitle += "; dashed red: the budget" if view.budget is not None else ""
    return Sheet(canvas.figure, title, subtitle, f"Curves of the chance to exceed a bill. {title}.")


def _curves(canvas: Canvas, axes: Axes, bills: dict[str, list[float]], right: float) -> None:
    """The curves, and their names where they end."""
    for at, values in enumerate(bills.values()):
        count = len(values)
        shares = [(count - place) / count for place in range(count)]
        axes.plot(values, shares, drawstyle="steps-pre", color=TEAMS_LIGHT[at % 10], linewidth=1.8,
                  linestyle=DASHES[at % len(DASHES)], zorder=3)  # fmt: skip
    order = sorted(range(len(bills)), key=lambda at: -list(bills.values())[at][-1])
    places = spread([20.0 + 22 * rank for rank in range(len(order))], 20, 10, HEIGHT)
    for rank, at in enumerate(order):
        name = list(bills)[at]
        y = places[rank]
        _sample(canvas, right + 4, y, at)
        canvas.text(right + 30, y, cut(name, canvas.width - right - 32), color=INK)


def _sample(canvas: Canvas, x: float, y: float, at: int) -> None:
    """A short piece of a curve beside its name."""
    from matplotlib.lines import Line2D

    level = 1 - (y + canvas.top) / canvas.height
    xs = [x / canvas.width, (x + 22) / canvas.width]
    canvas.figure.add_artist(
        Line2D(xs, [level, level], color=TEAMS_LIGHT[at % 10], linewidth=1.8, linestyle=DASHES[at % len(DASHES)],
               transform=canvas.figure.transFigure)
    )  # fmt: skip
