"""When each limit and each cap breaks: a row each, the date a dot, its interval a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report.capacity_terms import money_rate
from sim.report.capacity_view import View, When, limit_text, owner, when
from sim.report.capacity_words import first_of
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.figures.month_axis import BREAKS, FULL, brief, month_axis
from sim.report.style import GRID, MUTED, SMALL, SURFACE, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE, HEADING = 19.0, 24.0
MOST = 14
"""Rows of one arrangement; the others never break, or break later."""


@dataclass(frozen=True)
class _Row:
    label: str
    whose: str
    full: When
    breaks: When


def _rows(view: View, name: str) -> list[_Row]:
    case = view.case(name)
    rows = [_Row(limit_text(one), owner(one["name"]), when(one["full"]), when(one["breaks"])) for one in case["limits"]]
    for one in case["caps"]:
        date = when(one["reached"])
        rows.append(_Row(f"cap {money_rate(one['amount'])}", owner(one["name"]), When(None), date))
    return sorted(rows, key=lambda row: (row.breaks.sort, row.full.sort))


def finding(view: View) -> str:
    """Which arrangement lasts longest, or what the only one does."""
    dates = {name: first_of(view, name)[1] for name in view.cases}
    best = max(dates, key=lambda name: dates[name].sort)
    lasting = [name for name in dates if dates[name].month is None]
    month = dates[best].month
    if len(dates) == 1:
        if month is None:
            return f"Nothing breaks within {view.months} months"
        return (
            "The first limit breaks already today" if month <= 0 else f"The first limit breaks after {month:.1f} months"
        )
    if lasting:
        return f"{len(lasting)} of {len(dates)} arrangements last all {view.months} months"
    return "Every arrangement breaks already today" if not month else f"“{best}” lasts longest, {month:.1f} months"


def draw(view: View, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where nothing is limited."""
    groups = [(name, _rows(view, name)[:MOST]) for name in view.cases]
    groups = [(name, rows) for name, rows in groups if rows]
    if not groups:
        return None
    room, column = _room(groups, width), max(length(row.label) for _, rows in groups for row in rows) * 0.95 + 12
    height = sum(len(rows) * LINE + (HEADING if len(view.cases) > 1 else 0) + 6 for _, rows in groups)
    canvas = Canvas(width, height + 46, 22)
    canvas.key(0, -14, [(BREAKS, "breaks, with its 95 % interval"), (FULL, "full in its busiest minute")])
    right = 84.0 if width > 500 else 58.0
    y = 6.0
    for name, rows in groups:
        if len(view.cases) > 1:
            canvas.text(0, y + HEADING / 2, cut(name, width, TEXT, bold=True), size=TEXT, weight="bold")
            y += HEADING
        axes = canvas.panel(room, y, width - room - right, len(rows) * LINE)
        _panel(axes, rows, view)
        month_axis(axes, view, width - room - right, labels=name == groups[-1][0])
        for at, row in enumerate(rows):
            _label(canvas, row, y + (at + 0.5) * LINE, (column, room), width, view)
        y += len(rows) * LINE + 6
    title = finding(view)
    subtitle = "Months from now; a dot is where the mean over replications crosses. Definitions stand at the end."
    return Sheet(canvas.figure, title, subtitle, f"Dates of {sum(len(rows) for _, rows in groups)} limits. {title}.")


def _room(groups: list[tuple[str, list[_Row]]], width: int) -> float:
    longest = max(length(row.label) for _, rows in groups for row in rows)
    whose = max(length(row.whose) for _, rows in groups for row in rows)
    return min(longest + whose + 30, 330.0 if width > 900 else 290.0 if width > 500 else 132.0)


def _label(canvas: Canvas, row: _Row, y: float, places: tuple[float, float], width: int, view: View) -> None:
    """The limit at the left and whose it is, its date at the right."""
    column, room = places
    canvas.text(0, y, brief(row.label, room - 8))
    if room - column > 60:
        canvas.text(column, y, cut(row.whose, room - column - 8), color=MUTED)
    date = row.breaks
    if date.month is None:
        text, colour = (f"after {view.months}" if width <= 500 else f"not in {view.months}"), MUTED
    elif date.month <= 0:
        text, colour = "now", BREAKS
    else:
        text, colour = f"{date.month:.1f}", BREAKS
    canvas.text(
        width - 2, y, text, color=colour, ha="right", weight="normal" if date.month is None else "bold", size=SMALL
    )


def _panel(axes: Axes, rows: list[_Row], view: View) -> None:
    axes.set_ylim(len(rows), 0)
    axes.set_yticks([])
    grid(axes)
    for at, row in enumerate(rows):
        y = at + 0.5
        axes.plot([0, view.months], [y, y], color=GRID, linewidth=0.8, zorder=1)
        if row.full.month is not None:
            axes.plot([row.full.month], [y], marker="o", markersize=6.5, markerfacecolor=SURFACE, markeredgecolor=FULL,
                      markeredgewidth=2, zorder=4, clip_on=False)  # fmt: skip
        _breaking(axes, row.breaks, y, view)


def _breaking(axes: Axes, date: When, y: float, view: View) -> None:
    """The interval as a thick line, open to the right where its end is not within the study."""
    if date.early is not None:
        end = view.months if date.late is None else date.late
        axes.plot([date.early, end], [y, y], color=BREAKS, linewidth=4, alpha=0.45, solid_capstyle="butt", zorder=3)
    if date.month is not None:
        axes.plot([date.month], [y], marker="o", markersize=8, color=BREAKS, zorder=5, clip_on=False)
