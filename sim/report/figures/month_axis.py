"""What the figures of a capacity report share: an axis of months, spans of dates, labels at line ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.report.capacity_view import Lines, View, When
from sim.report.figures.base import cut, length
from sim.report.style import OUTCOMES_LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BREAKS = OUTCOMES_LIGHT["failed"]
FULL = OUTCOMES_LIGHT["refused"]


def month_axis(axes: Axes, view: View, pixels: float, *, labels: bool = True) -> None:
    """Months from now to the end of the study, as many ticks as their labels have room."""
    wide = 1.5 * max(length(view.tick(month)) for month in range(view.months + 1)) + 8
    most = max(2, int(pixels / wide))
    step = next(size for size in (1, 2, 3, 4, 6, 12, 24, 36, 60, 120) if view.months / size <= most)
    places = list(range(0, view.months + 1, step))
    axes.set_xlim(0, view.months)
    axes.set_xticks(places, [view.tick(month) if labels else "" for month in places])
    if labels and places:
        axes.get_xticklabels()[0].set_horizontalalignment("left")
        if places[-1] == view.months:
            axes.get_xticklabels()[-1].set_horizontalalignment("right")


def span(axes: Axes, date: When, view: View) -> None:
    """The interval of a date shaded over the whole panel, the date itself a line."""
    from matplotlib.patches import Rectangle

    if date.month is None:
        return
    if date.early is not None:
        end = view.months if date.late is None else date.late
        across = axes.get_xaxis_transform()  # x in months, y from 0 to 1 of the panel
        axes.add_artist(
            Rectangle((date.early, 0), end - date.early, 1, facecolor=BREAKS, alpha=0.13, linewidth=0, zorder=0,
                      transform=across)
        )  # fmt: skip
    axes.axvline(date.month, color=BREAKS, linewidth=1.2, zorder=1)


def band(axes: Axes, lines: Lines, colour: str, *, scale: float = 1.0, width: float = 1.8) -> None:
    """A mean with its band; gaps where there is no value."""
    known = [at for at, value in enumerate(lines.mean) if math.isfinite(value)]
    months = [lines.months[at] for at in known]
    axes.plot(months, [scale * lines.mean[at] for at in known], color=colour, linewidth=width, zorder=3)
    edged = [at for at in known if math.isfinite(lines.low[at]) and math.isfinite(lines.high[at])]
    low, high = ([scale * line[at] for at in edged] for line in (lines.low, lines.high))
    axes.fill_between(
        [lines.months[at] for at in edged], low, high, facecolor=colour, alpha=0.18, linewidth=0, zorder=2
    )


def brief(text: str, pixels: float) -> str:
    """A limit's text in little room: ``250k input tokens/min`` → ``250k input/min`` before it is cut."""
    return cut(text if length(text) <= pixels else text.replace(" tokens/", "/"), pixels)


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near ``wanted``, in the same order, at least ``gap`` apart, within [low, high] where they fit."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    placed = [0.0] * len(wanted)
    at = low
    for place in order:
        at = max(at, wanted[place])
        placed[place] = at
        at += gap
    top = high
    for place in reversed(order):
        placed[place] = min(placed[place], top)
        top = placed[place] - gap
    return placed
