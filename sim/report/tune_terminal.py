"""A tuning study in a terminal: the answer, and a table that fits 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.report.console import left_out, measured, opening, spark, table, visible, written
from sim.report.numbers import kind_of, value_text
from sim.report.tune_headline import headline
from sim.report.tune_view import LABELS, Project, View, whole
from sim.report.tune_words import details, percent, warnings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 20


def text(summary: Mapping[str, Any], *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_print, View.of(summary)), width=width, colour=colour)


def _print(view: View, console: Console, width: int) -> None:
    opening(console, headline(view), details(view), warnings(view))
    console.print(_table(view, width))
    left_out(console, len(view.projects) - SHOWN, "more projects are in the report.")


def _table(view: View, width: int) -> Table:
    labels = [LABELS[name] for name in view.dimensions]
    made = table([("project", 18)], [*labels, "success", "today", "short"], "by RPM" if width >= 100 else "")
    for one in view.projects[:SHOWN]:
        made.add_row(*_row(view, one), *([_by_rate(one)] if width >= 100 else []))
    return made


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
        measured(one.together("recommended"), kind, "green" if met else "red"),
        Text(value_text(one.together("today"), kind), style="dim"),
        Text(percent(float(one.data["shortfall"])) if one.short else "", style="red"),
    ]


def _by_rate(one: Project) -> str:
    """Success at the mapped rates, from the lowest to the highest, at the needed burst or the largest one."""
    it = one.data["map"]
    row = it["burst"].index(one.needed.get("burst")) if one.needed.get("burst") in it["burst"] else -1
    return spark([value or 0.0 for value in it["value"][row]])
