"""A capacity study in a terminal: the answer, and how long each limit lasts, in a table that fits 80 columns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sim.report.capacity_view import Json, View, When, doubtful, limit_text, owner, span_text, when
from sim.report.capacity_words import details, headline, question, warnings
from sim.report.console import left_out, measured, opening, spark, table, visible, written
from sim.report.numbers import MISSING, NB, stat

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

SHOWN = 12
TREND = 116
"""Columns from which on there is room for spark lines."""


def text(summary: Json, *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_print, View(summary)), width=width, colour=colour)


def _print(view: View, console: Console, width: int) -> None:
    opening(console, headline(view), details(view), warnings(view))
    console.print(f"{question(view)} ({view.first})", style="dim")
    limits = sorted(view.case(view.first)["limits"], key=lambda one: when(one["breaks"]).sort)
    console.print(_table(view, limits[:SHOWN], width))
    left_out(console, len(limits) - SHOWN, "more limits are in the report.")


def _table(view: View, limits: list[Json], width: int) -> Table:
    """Each limit with its use now and by month, and the dates at which it is full and at which it breaks."""
    room = 40 if width >= 110 else 24
    names = [("limit", room), ("of", 26 if width >= 110 else 18)]
    made = table(names, ("used now", "full", "breaks"), "by month" if width >= TREND else "")
    for one in limits:
        made.add_row(*_row(view, one), *([_by_month(view, one)] if width >= TREND else []))
    return made


def _row(view: View, one: Json) -> list[Any]:
    from rich.text import Text

    return [
        Text(visible(limit_text(one)).replace(NB, " "), style="bold"),
        Text(visible(owner(one["name"]))),
        measured(stat(one["now"], "used"), "share"),
        _date(when(one["full"]), view, "yellow"),
        _date(when(one["breaks"]), view, "red"),
    ]


def _date(date: When, view: View, style: str) -> Text:
    """``4.2 months``, ``now``, or an en dash; its interval is dim."""
    from rich.text import Text

    if date.month is None:
        return Text(MISSING, style="dim")
    if date.month <= 0 and not doubtful(date):
        return Text("now", style=style)
    span = span_text(date, view)
    found = Text("now" if date.month <= 0 else f"{date.month:.1f} months", style=style)
    return found.append(f" ({span})", style="dim") if span else found


def _by_month(view: View, one: Json) -> str:
    """The use of a limit over the months."""
    used = view.lines(view.first, "limits", one["name"], "used").mean
    return spark([min(1.0, value) for value in used if value == value])


__all__ = ["text"]
