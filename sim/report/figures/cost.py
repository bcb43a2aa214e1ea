"""Cost per team: what bought answers, what was wasted, with the interval of the whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.report.cast import place
from sim.report.figures.base import Canvas, Sheet, grid, label_room, label_rows, rows_of, rows_panel, shown_teams
from sim.report.inputs import Study
from sim.report.numbers import NB, Stat, number, short_text, stat, value_text
from sim.report.style import INK, OUTCOMES_LIGHT
from sim.report.words import metrics_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WASTED = OUTCOMES_LIGHT["failed"]


def _total(study: Study, name: str, metric: str) -> Stat:
    return stat(study.summary["configurations"][name]["total"], metric)


def finding(study: Study) -> str:
    """The total on the baseline, what the furthest other side costs, and the share that is wasted."""
    base, *others = study.cast.configurations
    before = _total(study, base, "cost_usd")
    text = f"All teams together cost {value_text(before, 'usd')} {place(study.summary, base)}"
    known = [name for name in others if _total(study, name, "cost_usd").known]
    if known and before.known:
        far = max(known, key=lambda name: abs(_total(study, name, "cost_usd").mean - before.mean))
        after = value_text(_total(study, far, "cost_usd"), "usd")
        same = after == value_text(before, "usd")
        text += " and the same everywhere else" if same else f", {after} {place(study.summary, far)}"
    wasted = _total(study, base, "wasted_cost_usd")
    if wasted.mean > 0 and before.mean > 0:
        text += f"; {number(100 * wasted.mean / before.mean, 1)}{NB}% of the first sum bought no answer"
    return text


def _bar(axes: Axes, y: float, cost: Stat, wasted: Stat, colour: str) -> None:
    """Useful part, wasted part at its end, whisker over both."""
    lost = wasted.mean if wasted.known else 0.0
    axes.barh(y, cost.mean - lost, height=11, color=colour, linewidth=0)
    if lost > 0:
        axes.barh(y, lost, left=cost.mean - lost, height=11, color=WASTED, linewidth=0)
    if math.isfinite(cost.half) and cost.half > 0:
        axes.plot([cost.low, cost.high], [y, y], color=INK, linewidth=1.2, solid_capstyle="butt")


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None when nothing costs anything."""
    teams, left_out = shown_teams(study)
    rows = rows_of(teams, study.cast.configurations)
    costs = {(t, n): stat(metrics_of(study.summary, n, t), "cost_usd") for t, n, _ in rows.lines}
    if not any(value.mean > 0 for value in costs.values()):
        return None
    title = finding(study)
    subtitle = "USD in the measured part of one replication, mean; line: 95 % interval; "
    subtitle += f"dark red: billed for attempts without an answer{left_out}"
    canvas = Canvas(width, rows.height + 40, top=18)
    room, right = label_room(study, teams, width), 70 if width > 500 else 62
    label_rows(canvas, rows, study, room)
    axes = rows_panel(canvas, rows, room, width - room - right)
    for team, name, y in rows.lines:
        value, wasted = costs[team, name], stat(metrics_of(study.summary, name, team), "wasted_cost_usd")
        if value.known:
            _bar(axes, y, value, wasted, study.cast.colour(team))
        canvas.text(width - 2, y, short_text(value, "usd"), ha="right")
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=max(3, int((width - room) / 110)))
    axes.xaxis.set_major_formatter(lambda value, _: f"${value:g}")
    axes.tick_params(axis="x", labeltop=len(rows.lines) > 12)
    grid(axes)
    return Sheet(canvas.figure, title, subtitle, f"Bars of cost for {len(teams)} teams. {title}.")
