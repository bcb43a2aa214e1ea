"""The burst that each project needs at its RPM: by Poisson theory, by its traffic, with its retries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.style import INK, MUTED, SMALL, SURFACE, TEXT
from sim.report.tune_view import Project, View, whole

LINE, MOST = 26, 20
KINDS = (
    ("poisson_burst", "Poisson theory (M/D/1/K)"),
    ("traffic_burst", "this traffic, no retries"),
    ("burst", "this traffic, its retries"),
)


def finding(view: View) -> str:
    """For whom theory is furthest off, without retries on both sides."""
    known = [one for one in _shown(view) if _theory(one)["poisson_burst"] and _theory(one)["traffic_burst"]]
    if not known:
        return "What Poisson theory would have said, beside what the traffic needs"
    one = max(known, key=lambda each: abs(math.log(_ratio(each))))
    it = _theory(one)
    poisson, traffic = whole(it["poisson_burst"]), whole(it["traffic_burst"])
    if it["poisson_burst"] == it["traffic_burst"]:
        return "Poisson theory asks for the bursts that the traffic needs without retries"
    rate = whole(it["rpm"])
    return f"At {rate}/min Poisson theory gives {one.name} a burst of {poisson}; without retries it needs {traffic}"


def _ratio(one: Project) -> float:
    it = _theory(one)
    return float(it["traffic_burst"]) / float(it["poisson_burst"])


def _theory(one: Project) -> Mapping[str, Any]:
    found: Mapping[str, Any] = one.data["theory"]
    return found


def _shown(view: View) -> list[Project]:
    return [one for one in view.found if one.data["theory"]][:MOST]


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None when RPM and burst were not both tuned."""
    shown = _shown(view)
    if not shown:
        return None
    room = min(max(length(one.name, TEXT) for one in shown) * 1.1 + 26, 220 if width > 500 else 118)
    canvas = Canvas(width, LINE * len(shown) + 70 + (34 if width < 500 else 0))
    high = _legend(canvas)
    axes = canvas.panel(room, high, width - room - 30, LINE * len(shown))
    axes.set_xscale("log")
    axes.set_ylim(len(shown), 0)
    axes.set_yticks([])
    bursts = [_theory(one)[key] for one in shown for key, _ in KINDS if _theory(one)[key]]
    axes.set_xlim(0.8, max(bursts) * 1.4)
    ticks = [
        tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000) if tick <= max(bursts) * 1.4
    ]
    axes.set_xticks(ticks, [whole(tick) for tick in ticks])
    axes.minorticks_off()
    grid(axes)
    for at, one in enumerate(shown):
        canvas.box(0, high + LINE * (at + 0.5) - 5, 9, 9, one.colour)
        canvas.text(15, high + LINE * (at + 0.5), cut(one.name, room - 20, TEXT, bold=True), size=TEXT, weight="bold")
        _row(axes, at + 0.5, one)
    title = finding(view)
    subtitle = "Smallest burst (log scale) at the RPM that was found, for the loss that the objective allows"
    return Sheet(canvas.figure, title, subtitle, f"Three bursts for each of {len(shown)} projects. {title}.")


def _legend(canvas: Canvas) -> float:
    x, y = 0.0, 8.0
    for key, label in KINDS:
        wide = 18 + len(label) * SMALL * 0.6 + 16
        if x > 0 and x + wide > canvas.width:
            x, y = 0.0, y + 17
        axes = canvas.panel(x, y - 7, 14, 14)
        axes.set_xlim(-1, 1)
        axes.set_ylim(-1, 1)
        axes.set_xticks([])
        axes.set_yticks([])
        _dot(axes, 0, 0, key, INK)
        canvas.text(x + 18, y, label, color=MUTED)
        x += wide
    return y + 20


def _row(axes: Any, y: float, one: Project) -> None:
    it = _theory(one)
    known = [it[key] for key, _ in KINDS if it[key]]
    axes.plot([min(known), max(known)], [y, y], color=one.colour, linewidth=2, alpha=0.45, solid_capstyle="butt")
    for key, _ in KINDS:
        if it[key]:
            _dot(axes, it[key], y, key, one.colour)


def _dot(axes: Any, x: float, y: float, key: str, colour: str) -> None:
    """Hollow for theory, a bar for the traffic alone, filled for what was found."""
    if key == "poisson_burst":
        axes.plot(
            x, y, "o", markersize=8, markerfacecolor=SURFACE, markeredgecolor=colour, markeredgewidth=1.8, clip_on=False
        )
    elif key == "traffic_burst":
        axes.plot(x, y, "|", markersize=13, markeredgecolor=colour, markeredgewidth=2.6, clip_on=False)
    else:
        axes.plot(x, y, "o", markersize=7, markerfacecolor=colour, markeredgewidth=0, clip_on=False)
