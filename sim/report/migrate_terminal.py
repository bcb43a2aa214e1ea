"""A migration in a terminal: the answer, and the steps in a table that fits 80 columns."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.report.migrate_view import Json, View, names_text, risk_text, when_text
from sim.report.migrate_words import details, headline, warnings
from sim.report.numbers import NB, number, stat
from sim.report.terminal import visible, wants_colour

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


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


def _table(view: View) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("when", no_wrap=True)
    table.add_column("moves", overflow="ellipsis", no_wrap=True, max_width=22)
    for label in ("risk", "change"):
        table.add_column(label, justify="right", no_wrap=True)
    table.add_column("hurt", overflow="ellipsis", no_wrap=True, max_width=16)
    table.add_column("met", justify="right", no_wrap=True, min_width=len(_met(view, 0)))
    table.add_row("", "today", "", risk_text(view.today), "", "", _met(view, 0), style="dim")
    for step in view.steps:
        table.add_row(*_row(view, step))
    return table


def _row(view: View, step: Json) -> list[Any]:
    from rich.text import Text

    change = stat(step, "risk_change")
    style = "" if not change.differs else "green" if change.mean < 0 else "red"
    hurt = names_text([one["team"] for one in step["hurt"]], 1) if step["hurt"] else ""
    return [
        Text(str(step["number"])), Text(when_text(step), style="dim"),
        Text(visible(names_text(step["projects"], 1)), style="bold"),
        Text(risk_text(stat(step, "risk_after"))), Text(number(change.mean, 2, sign=True), style=style),
        Text(visible(hurt), style="red"), Text(_met(view, step["number"])),
    ]  # fmt: skip


def _met(view: View, state: int) -> str:
    found = view.states[state]["objectives"]
    return f"{found['met']}/{found['of']}"
