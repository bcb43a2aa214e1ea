"""Curves over the months: success of the teams, and what is asked of the limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report.capacity_terms import percent
from sim.report.capacity_view import Lines, View, limit_text, owner
from sim.report.capacity_words import first_of
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.figures.month_axis import band, month_axis, span, spread
from sim.report.numbers import Stat, value_text
from sim.report.style import INK, MUTED, REST, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL, HEADING, LEFT = 150.0, 24.0, 44.0
MOST_CASES, MOST_LINES = 6, 5
LOWEST_TOP, HIGHEST_TOP = 2.5, 6.0
"""The upper end of the axis of utilizations: how far beyond 100 % a limit is says little, so curves may leave it."""
RED = "Red: when the first objective, limit or cap breaks, with its interval"


@dataclass(frozen=True)
class _Curve:
    label: str
    lines: Lines
    colour: str

    @property
    def known(self) -> list[float]:
        return [value for value in self.lines.mean if math.isfinite(value)]


Groups = dict[str, list[_Curve]]


def _draw(view: View, width: int, groups: Groups, bounds: list[float], ends: tuple[float, float]) -> Canvas:
    """One panel a case, one below the other, with the dashed ``bounds`` and labels at the ends of the lines."""
    several = len(view.cases) > 1
    longest = max(length(curve.label) for curves in groups.values() for curve in curves)
    room, each = min(longest + 12, width * 0.3), PANEL + (HEADING if several else 0) + 10
    canvas = Canvas(width, each * len(groups) + 24)
    for at, (name, curves) in enumerate(groups.items()):
        y = at * each
        if several:
            canvas.text(0, y + HEADING / 2, cut(name, width, TEXT, bold=True), size=TEXT, weight="bold")
            y += HEADING
        axes = canvas.panel(LEFT, y + 6, width - LEFT - room, PANEL)
        axes.set_ylim(*ends)
        _panel(axes, view, name, curves, bounds)
        month_axis(axes, view, width - LEFT - room, labels=at == len(groups) - 1)
        _labels(canvas, curves, (y + 6, *ends), width - room + 6, room - 8)
    return canvas


def _panel(axes: Axes, view: View, name: str, curves: list[_Curve], bounds: list[float]) -> None:
    grid(axes, "y")
    axes.locator_params(axis="y", nbins=5)
    low, high = axes.get_ylim()
    digits = 0 if high - low > 0.05 else 1 if high - low > 0.02 else 2
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.{digits}f} %")
    span(axes, first_of(view, name)[1], view)
    for bound in bounds:
        axes.axhline(bound, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=2)
    for curve in curves:
        band(axes, curve.lines, curve.colour)


def _labels(canvas: Canvas, curves: list[_Curve], frame: tuple[float, float, float], x: float, room: float) -> None:
    """Each line's label at the height of its end, kept apart."""
    top, low, high = frame
    wanted = [top + PANEL * (1 - (min(max(curve.known[-1], low), high) - low) / (high - low)) for curve in curves]
    for curve, y in zip(curves, spread(wanted, 13, top + 4, top + PANEL), strict=True):
        colour = MUTED if curve.colour == REST else curve.colour
        canvas.text(x, y, cut(curve.label, room), color=colour, size=SMALL)


def _ends(groups: Groups, bounds: list[float]) -> tuple[float, float]:
    """The y axis: from the lowest to the highest value, with a little room."""
    values = [value for curves in groups.values() for curve in curves for value in curve.known]
    low, high = min([*values, *bounds]), max([*values, *bounds])
    pad = 0.06 * max(high - low, 0.01)
    return low - pad, high + pad


def success(view: View, width: int) -> Sheet | None:
    """Success of the teams that suffer most, month by month, with the interval of the first break."""
    groups = {name: curves for name in view.cases[:MOST_CASES] if (curves := _worst_teams(view, name))}
    if not groups:
        return None
    goals = view.case(view.first)["objectives"]
    bounds = sorted({one["bound"] for one in goals if one["metric"].endswith("success_rate")})[:3]
    canvas = _draw(view, width, groups, bounds, _ends(groups, bounds))
    worst = next(iter(groups.values()))[0]
    now, last = (value_text(Stat(value), "share") for value in (worst.known[0], worst.known[-1]))
    title = f"{worst.label} goes from {now} success to {last} in {view.month_name(view.months)}"
    if now == last:
        title = f"{worst.label} succeeds with {last} of its requests from now to {view.month_name(view.months)}"
    subtitle = "Share of requests that end with an answer, after all retries; band: 95 % interval of the mean. "
    return Sheet(canvas.figure, title, f"{subtitle}Dashed: objectives. {RED}", f"Success over months by team. {title}.")


def _worst_teams(view: View, name: str) -> list[_Curve]:
    teams = view.case(name)["series"]["teams"]
    curves = [_Curve(team, view.lines(name, "teams", team, "success"), view.colour(team)) for team in teams]
    return sorted((one for one in curves if one.known), key=lambda one: (min(one.known), one.label))[:MOST_LINES]


def fullness(view: View, width: int) -> Sheet | None:
    """What is asked of the fullest limits in their busy minutes, month by month."""
    groups = {name: curves for name in view.cases[:MOST_CASES] if (curves := _fullest(view, name))}
    if not groups:
        return None
    high = _ends(groups, [1.0])[1]
    now = 1.2 * max(curve.known[0] for curves in groups.values() for curve in curves)
    canvas = _draw(view, width, groups, [1.0], (0.0, min(high, max(LOWEST_TOP, min(now, HIGHEST_TOP)))))
    full = next(iter(groups.values()))[0]
    first, last = percent(full.known[0]), percent(full.known[-1])
    title = f"{full.label}: asked for {first} in busy minutes now, {last} in {view.month_name(view.months)}"
    subtitle = (
        "What is asked for in a busy minute (99th percentile of the minutes) as a share of the limit’s rate; "
        f"band: 95 % interval. Dashed: 100 %. {RED}"
    )
    return Sheet(canvas.figure, title, subtitle, f"Utilization over months by limit. {title}.")


def _fullest(view: View, name: str) -> list[_Curve]:
    curves = []
    for one in view.case(name)["limits"]:
        colour = view.colour(one["teams"][0]) if len(one["teams"]) == 1 else INK
        lines = view.lines(name, "limits", one["name"], "busy")
        curves.append(_Curve(f"{limit_text(one)}, {owner(one['name'])}", lines, colour))
    return sorted((one for one in curves if one.known), key=lambda one: -max(one.known))[:MOST_LINES]
