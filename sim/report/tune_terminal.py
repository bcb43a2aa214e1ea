"""A tuning study in a terminal: the answer, and a table that fits 80 columns."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.report.numbers import NB, kind_of, value_text
from sim.report.terminal import visible, wants_colour
from sim.report.tune_headline import headline
from sim.report.tune_view import LABELS, Project, View, whole
from sim.report.tune_words import details, percent, warnings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 20


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
    _print(console, View.of(summary))
    return "\n".join(line.rstrip() for line in target.getvalue().replace(NB, " ").splitlines()) + "\n"


def _print(console: Console, view: View) -> None:
    from rich.text import Text

    console.print(Text(visible(headline(view)), style="bold"))
    for sentence in details(view):
        console.print(Text(visible(sentence)))
    for sentence in warnings(view):
        console.print(Text(visible("Mind: " + sentence), style="yellow"))
    console.print()
    console.print(_table(view))
    if len(view.projects) > SHOWN:
        console.print(Text(f"{len(view.projects) - SHOWN} more projects are in the report.", style="dim"))


def _table(view: View) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("project", overflow="ellipsis", no_wrap=True, max_width=18)
    for name in view.dimensions:
        table.add_column(LABELS[name], justify="right", no_wrap=True)
    for label in ("success", "today", "short"):
        table.add_column(label, justify="right", no_wrap=True)
    for one in view.projects[:SHOWN]:
        table.add_row(*_row(view, one))
    return table


def _row(view: View, one: Project) -> list[Any]:
    """Name, each setting after today's, success after and before, and what is missing."""
    from rich.text import Text

    kind = kind_of(one.primary["metric"])
    met = all(each["met"] for each in view.objectives if each["text"] == one.primary["text"])
    return [
        Text(visible(one.name), style="bold"),
        *(
            Text(f"{whole(one.data['current'].get(name))} → {whole(one.recommended.get(name))}")
            for name in view.dimensions
        ),
        Text(value_text(one.together("recommended"), kind), style="green" if met else "red"),
        Text(value_text(one.together("today"), kind), style="dim"),
        Text(percent(float(one.data["shortfall"])) if one.short else "", style="red"),
    ]
