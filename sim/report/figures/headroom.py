"""How full each limit is today: the average, the busy minute and the busiest one against 100 %."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report.capacity_terms import percent
from sim.report.capacity_view import Json, View, limit_text, owner
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.figures.month_axis import BREAKS, brief
from sim.report.numbers import NB, stat
from sim.report.style import GRID, INK, MUTED, RAMP_LIGHT, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AVERAGE, BUSY = RAMP_LIGHT[8], RAMP_LIGHT[3]
LINE, HEADING, MOST = 21.0, 24.0, 12


def _limits(view: View, name: str) -> list[Json]:
    known = [one for one in view.case(name)["limits"] if stat(one["now"], "busy").known]
    return sorted(known, key=lambda one: -stat(one["now"], "busy").mean)[:MOST]


def finding(view: View) -> str:
    """The tightest limit of the first arrangement."""
    tight = _limits(view, view.first)[0]
    busy = percent(stat(tight["now"], "busy").mean)
    return f"The tightest limit, {limit_text(tight)}, is asked for {busy} in busy minutes"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where the first arrangement has no limits."""
    groups = [(name, _limits(view, name)) for name in view.cases]
    groups = [(name, rows) for name, rows in groups if rows]
    if not groups or not _limits(view, view.first):
        return None
    column = max(length(limit_text(one)) for _, rows in groups for one in rows) + 12
    whose = max(length(owner(one["name"])) for _, rows in groups for one in rows)
    room = min(column + whose + 18, 330.0 if width > 900 else 290.0 if width > 500 else 132.0)
    several = len(view.cases) > 1
    height = sum(len(rows) * LINE + (HEADING if several else 0) + 6 for _, rows in groups)
    canvas = Canvas(width, height + 46, 22)
    canvas.key(0, -14, [(AVERAGE, "average"), (BUSY, "busy minute (99th percentile)"), (INK, "busiest minute")])
    most = max(1.15, *(min(stat(one["now"], "peak").mean * 1.04, 3.0) for _, rows in groups for one in rows))
    y = 6.0
    for name, rows in groups:
        if several:
            canvas.text(0, y + HEADING / 2, cut(name, width, TEXT, bold=True), size=TEXT, weight="bold")
            y += HEADING
        axes = canvas.panel(room, y, width - room - 52, len(rows) * LINE)
        _panel(axes, rows, most, last=name == groups[-1][0], ticks=int((width - room - 52) / 52))
        for at, one in enumerate(rows):
            _label(canvas, one, y + (at + 0.5) * LINE, (column, room), width)
        y += len(rows) * LINE + 6
    title = finding(view)
    subtitle = (
        "What the teams ask for as a share of the limit’s rate (of its places, for concurrency), refused or not; "
        "mean over replications. Red: 100 %"
    )
    return Sheet(canvas.figure, title, subtitle, f"Bars of utilization. {title}.")


def _label(canvas: Canvas, one: Json, y: float, places: tuple[float, float], width: int) -> None:
    column, room = places
    canvas.text(0, y, brief(limit_text(one), room - 8))
    if room - column > 60:
        canvas.text(column, y, cut(owner(one["name"]), room - column - 8), color=MUTED)
    canvas.text(width - 2, y, f"{100 * stat(one['now'], 'busy').mean:.0f}{NB}%", ha="right")


def _panel(axes: Axes, rows: list[Json], most: float, *, last: bool, ticks: int) -> None:
    axes.set_xlim(0, most)
    axes.set_ylim(len(rows), 0)
    axes.set_yticks([])
    grid(axes)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %" if last else "")
    axes.locator_params(axis="x", nbins=min(6, max(2, ticks)))
    for at, one in enumerate(rows):
        y, now = at + 0.5, one["now"]
        axes.barh(y, most, height=0.52, color=GRID, alpha=0.35, linewidth=0)
        axes.barh(y, min(stat(now, "busy").mean, most), height=0.52, color=BUSY, linewidth=0)
        axes.barh(y, min(stat(now, "asked").mean, most), height=0.52, color=AVERAGE, linewidth=0)
        peak = min(stat(now, "peak").mean, most)
        axes.plot([peak, peak], [y - 0.34, y + 0.34], color=INK, linewidth=2, solid_capstyle="butt")
    axes.axvline(1.0, color=BREAKS, linewidth=1.4, zorder=5)
