"""Requests by weekday and hour, everybody's and those of the largest teams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim.report.figures.base import Canvas, Sheet, cut
from sim.report.import_view import Sender, View, count_text, digits
from sim.report.style import MUTED, SMALL, TEXT, ramp

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LINE, MOST = 15, 5
LEAST_HOURS = 6.0


def rates(view: View, one: Sender) -> NDArray[np.float64]:
    """Requests an hour by weekday and hour, ``(7, 24)``; NaN where the log covers no such hour."""
    hours = np.asarray(view.summary["hours_covered"], float)
    counts = np.asarray(one.data["rhythm"], float)
    found: NDArray[np.float64] = np.divide(counts, hours, out=np.full(168, np.nan), where=hours > 0).reshape(7, 24)
    return found


def finding(view: View) -> str:
    """The busiest hour of the week against the mean."""
    table = rates(view, view.total)
    at = int(np.nanargmax(table))
    day = f"day {at // 24 + 1}" if view.relative else DAYS[at // 24]
    return f"The busiest hour is {day}, {at % 24}:00, with {digits(table.flat[at] / np.nanmean(table))} times the mean"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None for a log that can't tell hours apart, or of a few hours only."""
    covered = np.asarray(view.summary["hours_covered"], float)
    if not view.hourly or covered.sum() < LEAST_HOURS:
        return None
    shown = [view.total, *(view.senders[:MOST] if len(view.senders) > 1 else ())]
    days = [day for day in range(7) if covered[24 * day : 24 * day + 24].any()]
    across = 2 if width >= 900 and len(shown) > 1 else 1
    wide = (width - 30 * (across - 1)) / across
    high = 24 + LINE * len(days) + 24
    lines = -(-len(shown) // across)
    canvas = Canvas(width, lines * high + 4)
    for at, one in enumerate(shown):
        _table(canvas, view, one, days, ((at % across) * (wide + 30), (at // across) * high, wide))
    title = finding(view)
    left = len(view.senders) - len(shown) + 1
    subtitle = "Requests an hour by weekday and hour; each table has its own scale, its darkest cell is its busiest"
    subtitle += f"; {left} smaller teams are in profile.json" if left > 0 and len(shown) > 1 else ""
    return Sheet(canvas.figure, title, subtitle, f"Heat tables of {len(shown)} rhythms over the week. {title}.")


def _table(
    canvas: Canvas, view: View, one: Sender, days: Sequence[int], box: tuple[float, float, float]
) -> None:  # fmt: skip
    x, y, wide = box
    table, room = rates(view, one), 38
    most = float(np.nanmax(table)) or 1.0
    if one.name != "everybody":
        canvas.box(x, y + 3, 9, 9, one.colour)
    canvas.text(
        x + (15 if one.name != "everybody" else 0),
        y + 8,
        cut(one.name, wide * 0.6, TEXT, bold=True),
        size=TEXT,
        weight="bold",
    )
    canvas.text(x + wide, y + 8, f"at most {count_text(most)}/h", ha="right", color=MUTED)
    cell = (wide - room) / 24
    for line, day in enumerate(days):
        top = y + 20 + LINE * line
        canvas.text(x, top + LINE / 2, f"day {day + 1}" if view.relative else DAYS[day], color=MUTED)
        for hour in range(24):
            value = table[day, hour]
            if value == value:
                canvas.box(x + room + hour * cell, top, cell - 1, LINE - 1, ramp(float(value) / most))
    for hour in range(0, 24, 3 if cell * 3 > 3 * SMALL else 6):
        canvas.text(x + room + hour * cell, y + 20 + LINE * len(days) + 9, str(hour), color=MUTED)
