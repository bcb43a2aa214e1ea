"""Retry amplification over time: attempts made per request that arrived, one panel a configuration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report.cast import place
from sim.report.figures.base import Canvas, Sheet, cut, grid, time_axis
from sim.report.inputs import ALL, Study
from sim.report.numbers import clock, number
from sim.report.style import INK, REST, SMALL, TEXT, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
HEIGHT = 150
FEWEST = 5
LEAST = 0.5
"""The lower end of a log axis: a client that holds requests back sends fewer than arrive."""
FLATTENS = 10
"""So many times the calmest configuration's peak, and the axis is logarithmic."""


def finding(study: Study) -> str:
    """The highest amplification of all teams together, and when."""
    peaks = {}
    for name in study.cast.configurations:
        ratio = study.amplification[name, ALL].dropna()
        if len(ratio):
            highest = int(ratio.to_numpy().argmax())
            peaks[name] = (float(ratio.iloc[highest]), float(ratio.index[highest]))
    if not peaks:
        return "Nothing was sent"
    worst = max(peaks, key=lambda name: peaks[name][0])
    top, when = peaks[worst]
    if top < 1.1:
        return "Retries never add more than a tenth to the load"
    return f"Retries multiply the load by up to {number(top, 1)} {place(study.summary, worst)} (at {clock(60 * when)})"


@dataclass(frozen=True)
class Scale:
    """The vertical axis of all panels: linear from 0, or logarithmic where one policy would flatten the others."""

    top: float
    log: bool

    def place(self, value: float) -> float:
        """Where a value stands between the axis's ends, 0 to 1."""
        if not self.log:
            return value / self.top
        return math.log(max(value, LEAST) / LEAST) / math.log(self.top / LEAST)

    def apply(self, axes: Axes) -> None:
        """Set the axis."""
        if not self.log:
            axes.set_ylim(0, self.top)
            axes.locator_params(axis="y", nbins=4)
            return
        axes.set_yscale("log")
        axes.set_ylim(LEAST, self.top)
        ticks = [tick for tick in (1, 10, 100, 1000, 10_000, 100_000) if tick < self.top]
        axes.set_yticks(ticks, [number(tick, 0) for tick in ticks])
        axes.minorticks_off()


def _scale(study: Study) -> Scale:
    """One for all panels, from the peaks of each team and of all together."""
    peaks: dict[str, float] = {}
    for (name, _), line in study.amplification.items():
        if line.notna().any():
            peaks[name] = max(peaks.get(name, 0.0), float(line.max()))
    top = max(1.5, *peaks.values())
    return Scale(top * 1.06, top > FLATTENS * max(1.5, min(peaks.values())))


def _labels(axes: Axes, ends: list[tuple[str, float, str]], room: float, scale: Scale, pixels: float) -> None:
    """Direct labels at the right end, pushed apart where they would touch."""
    step = 13 / pixels
    floor = -step
    for label, value, colour in sorted(ends, key=lambda end: (end[1], end[0])):
        y = max(scale.place(value), floor + step)
        floor = y
        axes.annotate(
            cut(label, room - 12), (1, y), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points",
            color=colour, fontsize=SMALL, va="center", annotation_clip=False, parse_math=False,
        )  # fmt: skip


def _draw_panel(axes: Axes, study: Study, name: str, scale: Scale, room: float) -> None:
    """The loudest three teams in their colours, other teams thin and grey, all together in ink."""
    by_team = {team: line for (side, team), line in study.amplification.items() if side == name and team != ALL}
    peaks = {team: float(line.max()) for team, line in by_team.items() if line.notna().any()}
    loud = sorted(peaks, key=lambda team: (-peaks[team], team))[:3]
    ends = []
    for team in sorted(peaks, key=lambda team: team in loud):
        line, colour = by_team[team], study.cast.colour(team) if team in loud else REST
        wide = 1.6 if team in loud else 0.7
        axes.plot(line.index, line.to_numpy(), color=colour, linewidth=wide, drawstyle="steps-post")
        if team in loud:
            ends.append((team, float(line.dropna().iloc[-1]), colour))
    total = study.amplification[name, ALL]
    axes.plot(total.index, total.to_numpy(), color=INK, linewidth=1.2, drawstyle="steps-post", linestyle=(0, (4, 2)))
    if total.notna().any():
        ends.append(("all teams", float(total.dropna().iloc[-1]), INK))
    scale.apply(axes)
    _labels(axes, ends, room, scale, HEIGHT)
    shade(axes, study.spans)


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels."""
    table, names = study.over_time, study.cast.configurations
    tops = [float(line.max()) for (_, team), line in study.amplification.items() if team != ALL]
    peaks = [value for value in tops if value == value]
    if not peaks:
        return None
    if table.loc[table["offered"] > 0, "start_s"].nunique() < FEWEST:
        return None  # a herd: without arrivals there is no ratio to follow
    scale = _scale(study)
    across = max(1, min(len(names), width // 330))
    lines, room = -(-len(names) // across), 96
    title, subtitle = (
        finding(study),
        "Attempts sent per request that arrived in the same interval; time as hours:minutes",
    )
    subtitle += "; log axis" if scale.log else ""
    subtitle += "; shaded: chaos" if study.windows else ""
    block = HEIGHT + 52
    canvas = Canvas(width, lines * block)
    wide = (width - across * room - 30) / across - 4
    start, end = float(table["start_s"].min()) / 60, float(table["end_s"].max()) / 60
    for at, name in enumerate(names):
        x, y = 30 + (at % across) * (wide + room + 4), (at // across) * block
        canvas.text(x, y + 8, cut(name, wide, TEXT, bold=True), size=TEXT, weight="bold")
        axes = canvas.panel(x, y + 20, wide, HEIGHT)
        _draw_panel(axes, study, name, scale, room)
        time_axis(axes, start, end, max(2, int(wide / 60)), True)
        grid(axes, "y")
    return Sheet(canvas.figure, title, subtitle, f"Lines over time for {len(names)} configurations. {title}.")
