"""A migration in a terminal: the answer, and the steps in a table that fits 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.report.console import opening, visible, written
from sim.report.migrate_view import Json, View, names_text, risk_text, when_text
from sim.report.migrate_words import details, headline, warnings
from sim.report.numbers import number, stat

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def text(summary: Mapping[str, Any], *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_print, View(summary)), width=width, colour=colour)


def _print(view: View, console: Console, width: int) -> None:
    opening(console, headline(view), details(view), warnings(view))
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
