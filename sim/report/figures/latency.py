"""Latency of succeeded requests: quantile ranges on a log axis, a line for each team and configuration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.report.cast import place
from sim.report.figures.base import Canvas, Rows, Sheet, grid, label_room, label_rows, rows_of, rows_panel, shown_teams
from sim.report.inputs import Study
from sim.report.numbers import Stat, short_text, stat, value_text
from sim.report.style import MUTED, SURFACE
from sim.report.words import metrics_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Table = dict[tuple[str, str], dict[float, float]]


def finding(study: Study) -> str:
    """How the 95th percentile of the most hurt team changes, furthest from the baseline."""
    team = study.answer.scene[0]
    base, *others = study.cast.configurations
    values = {name: stat(metrics_of(study.summary, name, team), "latency_p95_s") for name in (base, *others)}
    before = values[base]
    known = [name for name in others if values[name].known and values[name].mean > 0]
    if not before.known or before.mean <= 0:
        return f"{team} gets no answer at all {place(study.summary, base)}"
    text = f"{team}’s p95 latency is {value_text(before, 'seconds')} {place(study.summary, base)}"
    if not known:
        return text
    far = max(known, key=lambda name: abs(math.log(values[name].mean / before.mean)))
    return f"{text}, {value_text(values[far], 'seconds')} {place(study.summary, far)}"


def _table(study: Study) -> Table:
    found: Table = {}
    columns = [study.quantiles[name].to_list() for name in ("team", "configuration", "quantile", "latency_s")]
    for team, name, level, value in zip(*columns, strict=True):
        if math.isfinite(value) and value > 0:
            found.setdefault((str(team), str(name)), {})[round(float(level), 3)] = float(value)
    return found


def _line(axes: Axes, values: dict[float, float], y: float, colour: str) -> None:
    """Thin from p5 to p99, thick over the middle half, a dot at the median, a bar at p95."""
    if {0.05, 0.99} <= values.keys():
        axes.plot([values[0.05], values[0.99]], [y, y], color=colour, linewidth=1.4, solid_capstyle="butt")
    if {0.25, 0.75} <= values.keys():
        axes.plot([values[0.25], values[0.75]], [y, y], color=colour, linewidth=7, solid_capstyle="butt")
    if 0.95 in values:
        axes.plot([values[0.95]] * 2, [y - 5, y + 5], color=colour, linewidth=2.2, solid_capstyle="butt")
    if 0.5 in values:
        axes.plot([values[0.5]], [y], marker="o", markersize=5, color=SURFACE, markeredgecolor=colour)


def _axis(axes: Axes, table: Table) -> None:
    """A log axis over all that is drawn, with plain seconds at 1, 10, 100 (and 2, 5 when it is short)."""
    values = [value for one in table.values() for value in one.values()]
    low, high = min(values) / 1.15, max(values) * 1.15
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    steps = (1, 2, 5) if high / low < 300 else (1,)
    span = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in span for step in steps if low <= step * 10.0**power <= high]
    axes.set_xticks(ticks, [f"{tick:g} s" for tick in ticks])
    axes.minorticks_off()
    grid(axes)
    axes.tick_params(axis="x", labeltop=len(table) > 12)


def _values(canvas: Canvas, rows: Rows, study: Study, x: float) -> None:
    """The 95th percentile as a number at the end of each line."""
    canvas.text(x, -9, "p95", color=MUTED, ha="right", weight="bold")
    for team, name, y in rows.lines:
        value: Stat = stat(metrics_of(study.summary, name, team), "latency_p95_s")
        canvas.text(x, y, short_text(value, "seconds"), ha="right")


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels."""
    teams, left_out = shown_teams(study)
    rows = rows_of(teams, study.cast.configurations)
    table = {key: value for key, value in _table(study).items() if key[0] in teams}
    if not table:
        return None
    title = finding(study)
    subtitle = "Seconds from intended start to final answer, succeeded requests, log axis. "
    subtitle += f"Thin: 5th to 99th percentile; thick: middle half; dot: median; bar: 95th percentile{left_out}"
    canvas = Canvas(width, rows.height + 44, top=22)
    room = label_room(study, teams, width)
    label_rows(canvas, rows, study, room)
    axes = rows_panel(canvas, rows, room, width - room - 62)
    for team, name, y in rows.lines:
        if (team, name) in table:
            _line(axes, table[team, name], y, study.cast.colour(team))
    _axis(axes, table)
    _values(canvas, rows, study, width - 2)
    return Sheet(canvas.figure, title, subtitle, f"Ranges of latency for {len(teams)} teams. {title}.")
