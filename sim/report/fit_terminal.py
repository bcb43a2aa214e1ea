"""A fit in a terminal: what was found, and log against fitted in a table that fits 80 columns."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from sim.report.fit_tables import KINDS, stat_of
from sim.report.fit_words import METRICS, NAMELESS, TOTAL, Told, details, headline, signed, warnings
from sim.report.import_view import count_text, percent
from sim.report.numbers import NB, Stat, value_text, with_interval
from sim.report.terminal import visible, wants_colour

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 15


def text(told: Told, *, width: int | None = None, colour: bool | None = None) -> str:
    """The result as text for standard output, at least 80 columns wide; ``colour`` forces it on or off."""
    from shutil import get_terminal_size

    from rich.console import Console
    from rich.text import Text

    colour = wants_colour(sys.stdout) if colour is None else colour
    target = io.StringIO()
    console = Console(
        file=target, width=max(80, width or get_terminal_size((80, 24)).columns), force_terminal=colour,
        no_color=not colour, highlight=False, markup=False, emoji=False, legacy_windows=False,
        color_system="standard" if colour else None,
    )  # fmt: skip
    console.print(Text(visible(headline(told)), style="bold"))
    for sentence in details(told)[:2]:
        console.print(Text(visible(sentence)))
    for sentence in warnings(told):
        console.print(Text(visible(sentence), style="yellow"))
    for table in _tables(told):
        console.print()
        console.print(table)
    if told["history"]:
        console.print(Text(visible(told["history"]["verdict"]), style="bold"))
    return "\n".join(line.rstrip() for line in target.getvalue().replace(NB, " ").splitlines()) + "\n"


def _tables(told: Told) -> list[Table]:
    found = [_limits(told), _streams(told)]
    return found + ([_history(told["history"])] if told["history"] else [])


def _made(first: str, *others: str) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(first, overflow="ellipsis", no_wrap=True, max_width=24)
    for label in others:
        table.add_column(label, justify="right", overflow="ellipsis", no_wrap=True)
    return table


def _limits(told: Told) -> Table:
    table = _made("limit", "log", "fitted", "difference")
    for test in told["throttling"]:
        if test["team"] == TOTAL:
            fitted = with_interval(stat_of(test["fitted"]), "share")
            table.add_row(test["limit"], percent(test["log"]), fitted, signed(test["error"]))
    return table


def _streams(told: Told) -> Table:
    table = _made("team", "model", "requests", "arrivals", "refusals")
    for one in told["streams"][:SHOWN]:
        process = "sessions" if one["session"] else one["chosen"]["process"]
        table.add_row(
            visible(one["team"]), visible(one["model"] or NAMELESS), count_text(one["requests"]), process,
            signed(one["chosen"]["refusal_error"]),
        )  # fmt: skip
    return table


def _history(history: Told) -> Table:
    table = _made("everybody", "recorded", "simulated", "")
    for row in history["rows"]:
        if row["team"] == TOTAL:
            kind = KINDS[row["unit"]]
            table.add_row(METRICS[row["metric"]], value_text(Stat(row["recorded"]), kind),
                          with_interval(stat_of(row["simulated"]), kind), row["verdict"])  # fmt: skip
    return table
