"""An import in a terminal: what was found, and the largest teams in a table that fits 80 columns."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from sim.report.import_view import Told, View, count_text, digits, per_time, percent
from sim.report.import_words import details, headline, warnings
from sim.report.numbers import MISSING, NB
from sim.report.terminal import visible, wants_colour

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 15


def text(summary: Told, *, width: int | None = None, colour: bool | None = None) -> str:
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
    view = View.of(summary)
    console.print(Text(visible(headline(view)), style="bold"))
    for sentence in (*details(view), _rows(summary)):
        console.print(Text(visible(sentence)))
    for sentence in warnings(view):
        console.print(Text(visible("Mind: " + sentence), style="yellow"))
    console.print()
    console.print(_table(view))
    if len(view.senders) > SHOWN:
        console.print(Text(f"{len(view.senders) - SHOWN} more teams are in the profile.", style="dim"))
    return "\n".join(line.rstrip() for line in target.getvalue().replace(NB, " ").splitlines()) + "\n"


def _rows(summary: Told) -> str:
    told = f"{summary['rows_read']:,} rows read = {summary['rows_kept']:,} kept + {summary['rows_rejected']:,} left out"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in list(summary["rejected"].items())[:4])
    return f"{told} ({reasons})." if reasons else f"{told}."


def _table(view: View) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("team", overflow="ellipsis", no_wrap=True, max_width=24)
    for label in ("requests", "share", "rate", "CV", "peak 1 min", "spend", "429s"):
        table.add_column(label, justify="right", no_wrap=True)
    for one in view.senders[:SHOWN]:
        cv, peak = one.data["cv"], one.peak("1min")
        table.add_row(
            Text(visible(one.name), style="bold"), count_text(one.requests), percent(view.share(one, "requests")),
            per_time(one.data["per_minute"]), MISSING if cv is None else digits(cv),
            MISSING if peak is None else f"{digits(peak)}×", percent(view.share(one, "usd")),
            count_text(one.data["limited"]) if one.data["status_known"] else MISSING,
        )  # fmt: skip
    return table
