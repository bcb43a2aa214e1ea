"""An import in a terminal: what was found, and the largest teams in a table that fits 80 columns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sim.report.console import left_out, opening, scaled, spark, table, visible, written
from sim.report.import_view import Told, View, count_text, digits, per_time, percent
from sim.report.import_words import details, headline, warnings
from sim.report.numbers import MISSING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 15


def text(summary: Told, *, width: int | None = None, colour: bool | None = None) -> str:
    """The result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_print, View.of(summary)), width=width, colour=colour)


def _print(view: View, console: Console, width: int) -> None:
    opening(console, headline(view), (*details(view), _rows(view.summary)), warnings(view))
    console.print(_table(view, width))
    left_out(console, len(view.senders) - SHOWN, "more teams are in the profile.")


def _rows(summary: Told) -> str:
    told = f"{summary['rows_read']:,} rows read = {summary['rows_kept']:,} kept + {summary['rows_rejected']:,} left out"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in list(summary["rejected"].items())[:4])
    return f"{told} ({reasons})." if reasons else f"{told}."


def _table(view: View, width: int) -> Table:
    """The largest teams; what they sent along the log as a spark line, where there is room for it."""
    from rich.text import Text

    along = view.summary["along"]["teams"] if width >= 96 else {}
    labels = ("requests", "share", "rate", "CV", "peak 1 min", "spend", "429s")
    made = table([("team", 24)], labels, "along the log" if along else "")
    for one in view.senders[:SHOWN]:
        cv, peak = one.data["cv"], one.peak("1min")
        made.add_row(
            Text(visible(one.name), style="bold"), count_text(one.requests), percent(view.share(one, "requests")),
            per_time(one.data["per_minute"]), MISSING if cv is None else digits(cv),
            MISSING if peak is None else f"{digits(peak)}×", percent(view.share(one, "usd")),
            count_text(one.data["limited"]) if one.data["status_known"] else MISSING,
            *([spark(scaled(along.get(one.name, ())))] if along else []),
        )  # fmt: skip
    return made
