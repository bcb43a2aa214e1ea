"""Refusals at each test limit: the log as a mark, the fitted scenario as a bar with the range of single runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.report.figures.base import Canvas, Sheet, grid, length
from sim.report.fit_words import TOTAL, headline
from sim.report.import_view import percent
from sim.report.style import INK, MUTED, TEAMS_LIGHT, TEXT

LINE = 30
Told = Mapping[str, Any]


def draw(told: Told, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None without a test."""
    tests = [test for test in told["throttling"] if test["team"] == TOTAL]
    if not tests:
        return None
    narrow = width < 500
    canvas = Canvas(width, LINE * len(tests) + (75 if narrow else 58))
    room = max(length(test["limit"], TEXT) for test in tests) * 1.15 + 14
    axes = canvas.panel(room, 0, width - room - 52, LINE * len(tests))
    axes.set_ylim(LINE * len(tests), 0)
    axes.set_yticks([])
    colour = TEAMS_LIGHT[0]
    for at, test in enumerate(tests):
        y = LINE * at + LINE / 2
        canvas.text(0, y, test["limit"], size=TEXT, weight="bold")
        axes.barh(y, 100 * test["fitted"]["value"], height=13, color=colour, linewidth=0)
        low, high = (100 * (each or 0.0) for each in test["spread"])
        axes.plot([low, high], [y, y], color=INK, linewidth=1.3, solid_capstyle="butt")
        axes.plot([100 * test["log"]] * 2, [y - 11, y + 11], color=INK, linewidth=2.4, solid_capstyle="butt")
        canvas.text(width - 2, y, percent(test["fitted"]["value"]), ha="right")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.tick_params(colors=MUTED)
    grid(axes)
    names = [(INK, "upright: the log, replayed"), (colour, "fitted scenario, mean")]
    canvas.key(0 if narrow else room, LINE * len(tests) + 44, names)
    subtitle = "Share of requests refused, everybody on one key, nobody retries; line: single runs, 5th to 95th"
    return Sheet(canvas.figure, headline(told), subtitle, f"Bars of refusals at {len(tests)} limits. {headline(told)}.")
