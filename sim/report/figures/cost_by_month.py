"""What a month costs: the first arrangement by team, its sum with the interval, and the others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sim.report.capacity_view import Lines, View
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.figures.month_axis import band, month_axis, spread
from sim.report.numbers import Stat, stat, value_text
from sim.report.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT, LEFT, MOST_TEAMS, MOST_CASES = 255.0, 56.0, 6, 6
SERVED = "if nothing were refused"
Label = tuple[str, float, str]
"""A text, the value that it stands at, and its colour."""


def _highest(curves: Iterable[Lines]) -> float:
    values = (value for lines in curves for value in (*lines.mean, *lines.high) if math.isfinite(value))
    return max(values, default=0.0)


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where nothing costs anything."""
    total = view.lines(view.first, "total", "usd")
    others = {name: view.lines(name, "total", "usd") for name in view.cases[1:MOST_CASES]}
    cost = view.case(view.first)["cost"]
    if stat(cost["all_served"], "last").mean > 1.01 * stat(cost["total"], "last").mean:
        others[SERVED] = view.lines(view.first, "total", "asked_usd")
    top = _highest([total, *others.values()]) * 1.05
    if not top > 0:
        return None
    teams = [team for team in view.teams if team in view.case(view.first)["series"]["teams"]]
    room = min(max(length(label) for label in (*teams[:MOST_TEAMS], *others, "all teams")) + 12, width * 0.3)
    canvas = Canvas(width, HEIGHT + 34)
    axes = canvas.panel(LEFT, 6, width - LEFT - room, HEIGHT)
    axes.set_ylim(0, top)
    month_axis(axes, view, width - LEFT - room)
    grid(axes, "y")
    axes.yaxis.set_major_formatter(lambda value, _: f"${value:,.0f}")
    axes.locator_params(axis="y", nbins=6)
    labels = [*_stack(axes, view, teams), *_dashed(axes, others), ("all teams", total.mean[-1], INK)]
    band(axes, total, INK, width=2.2)
    wanted = [6 + HEIGHT * (1 - value / top) for _, value, _ in labels]
    for (label, _, colour), y in zip(labels, spread(wanted, 13, 8, HEIGHT + 4), strict=True):
        canvas.text(width - room + 6, y, cut(label, room - 8), color=colour)
    title = _finding(view, total)
    subtitle = "Dollars for 30 days at list prices; areas: teams; band: 95 % interval of the sum"
    subtitle += "; dashed: the other arrangements, and the same traffic without any limit" if others else ""
    return Sheet(canvas.figure, title, subtitle, f"Cost over months by team. {title}.")


def _finding(view: View, total: Lines) -> str:
    now, last = (value_text(Stat(total.at(month).mean), "usd") for month in (0, view.months))
    return f"A month costs {now} now and {last} in {view.month_name(view.months)}"


def _stack(axes: Axes, view: View, teams: list[str]) -> list[Label]:
    """Areas of the teams one on the other; labels of the first few at the height of their middles."""
    months = view.lines(view.first, "total", "usd").months
    floor, labels = [0.0] * len(months), []
    for at, team in enumerate(teams):
        lines = view.lines(view.first, "teams", team, "usd")
        top = [low + (value if math.isfinite(value) else 0.0) for low, value in zip(floor, lines.mean, strict=True)]
        axes.fill_between(months, floor, top, facecolor=view.colour(team), alpha=0.55, linewidth=0, zorder=1)
        if at < MOST_TEAMS:
            labels.append((team, (floor[-1] + top[-1]) / 2, view.colour(team)))
        floor = top
    return labels


def _dashed(axes: Axes, others: dict[str, Lines]) -> list[Label]:
    for name, lines in others.items():
        dots = (0, (1.5, 2.5)) if name == SERVED else (0, (5, 3))
        axes.plot(lines.months, lines.mean, color=MUTED, linewidth=1.4, linestyle=dots, zorder=3)
    return [(name, lines.mean[-1], MUTED) for name, lines in others.items()]
