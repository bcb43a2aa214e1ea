"""A cost study in a terminal: the answer, and a table that fits 80 columns."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.report.cost_view import View, dollars, percent
from sim.report.cost_words import details, headline, warnings
from sim.report.numbers import NB
from sim.report.terminal import visible, wants_colour

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COLUMNS = {"bill_mean": "mean", "bill_sd": "sd", "bill_p50": "p50", "bill_p95": "p95", "bill_p99": "p99",
           "bill_worst": "worst"}  # fmt: skip


def text(summary: Mapping[str, Any], *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output, at least 80 columns wide; ``colour`` forces it on or off."""
    from shutil import get_terminal_size

    from rich.console import Console

    colour = wants_colour(sys.stdout) if colour is None else colour
    target = io.StringIO()
    console = Console(
        file=target, width=max(80, width or get_terminal_size((80, 24)).columns), force_terminal=colour,
        no_color=not colour, highlight=False, markup=False, emoji=False, legacy_windows=False,
        color_system="standard" if colour else None,
    )  # fmt: skip
    _print(console, View(summary))
    return "\n".join(line.rstrip() for line in target.getvalue().replace(NB, " ").splitlines()) + "\n"


def _print(console: Console, view: View) -> None:
    from rich.text import Text

    console.print(Text(visible(headline(view)) + ".", style="bold"))
    for sentence in details(view):
        console.print(Text(visible(sentence)))
    for sentence in warnings(view):
        console.print(Text(visible("Mind: " + sentence), style="yellow"))
    console.print()
    console.print(_table(view))
    for claim in view.summary["claims"]:
        styles = {"supported": "green", "not supported": "red"}
        line = Text(f"{claim['verdict']:>15}  ", style=styles.get(claim["verdict"], "dim"))
        console.print(line.append(visible(claim["says"]), style="default"))


def _table(view: View) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", title_style="dim")
    table.add_column("bill a month", overflow="ellipsis", no_wrap=True, max_width=18)
    for label in COLUMNS.values():
        table.add_column(label, justify="right", no_wrap=True)
    if view.budget is not None:
        table.add_column(f"> {dollars(view.budget)}", justify="right", no_wrap=True)
    for name in view.names:
        total = view.configuration(name)["total"]
        cells = [dollars(total[key]["mean"]) for key in COLUMNS]
        cells += [percent(total["exceed"]["mean"], 1)] if view.budget is not None else []
        table.add_row(visible(name), *cells)
    return table
