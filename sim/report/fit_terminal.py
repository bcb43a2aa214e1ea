"""A fit in a terminal: what was found, and log against fitted in a table that fits 80 columns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sim.report.console import opening, table, visible, written
from sim.report.fit_tables import KINDS, stat_of
from sim.report.fit_words import METRICS, NAMELESS, TOTAL, Told, details, headline, signed, warnings
from sim.report.import_view import count_text, percent
from sim.report.numbers import Stat, value_text, with_interval

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 15


def text(told: Told, *, width: int | None = None, colour: bool | None = None) -> str:
    """The result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_tell, told), width=width, colour=colour)


def _tell(told: Told, console: Console, width: int) -> None:
    from rich.text import Text

    opening(console, headline(told), details(told)[:2], warnings(told))
    for at, one in enumerate(_tables(told)):
        if at:
            console.print()
        console.print(one)
    if told["history"]:
        console.print(Text(visible(told["history"]["verdict"]), style="bold"))


def _tables(told: Told) -> list[Table]:
    found = [_limits(told), _streams(told)]
    return found + ([_history(told["history"])] if told["history"] else [])


def _limits(told: Told) -> Table:
    made = table([("limit", 24)], ["log", "fitted", "difference"])
    for test in told["throttling"]:
        if test["team"] == TOTAL:
            fitted = with_interval(stat_of(test["fitted"]), "share")
            made.add_row(test["limit"], percent(test["log"]), fitted, signed(test["error"]))
    return made


def _streams(told: Told) -> Table:
    made = table([("team", 24)], ["model", "requests", "arrivals", "refusals"])
    for one in told["streams"][:SHOWN]:
        process = "sessions" if one["session"] else one["chosen"]["process"]
        made.add_row(
            visible(one["team"]), visible(one["model"] or NAMELESS), count_text(one["requests"]), process,
            signed(one["chosen"]["refusal_error"]),
        )  # fmt: skip
    return made


def _history(history: Told) -> Table:
    made = table([("everybody", 24)], ["recorded", "simulated", ""])
    for row in history["rows"]:
        if row["team"] == TOTAL:
            kind = KINDS[row["unit"]]
            made.add_row(METRICS[row["metric"]], value_text(Stat(row["recorded"]), kind),
                          with_interval(stat_of(row["simulated"]), kind), row["verdict"])  # fmt: skip
    return made
