"""A comparison with a gateway in a terminal: predicted and observed, and what the probes found."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.report.console import verdict, visible, written
from sim.report.gateway_words import details, headline, warnings
from sim.report.validate_terminal import lines_table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Entry = Mapping[str, Any]


def text(summary: Entry, *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_tell, summary), width=width, colour=colour)


def _tell(summary: Entry, console: Console, width: int) -> None:
    from rich.text import Text

    verdict(console, headline(summary), details(summary), warnings(summary), good=summary["agrees"])
    for name, entry in summary["configurations"].items():
        console.print()
        console.print(Text(visible(name), style="bold"))
        console.print(lines_table(entry, ("predicted", "litellm")))
    if summary["probes"]:
        console.print()
        console.print(_probes(summary["probes"]))


def _probes(probes: list[Entry]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for head in ("probe", "expected", "observed"):
        table.add_column(head, overflow="fold")
    table.add_column("")
    for one in probes:
        mark = Text("✗", style="red") if one["departs"] else Text("✓", style="green")
        table.add_row(*(Text(visible(one[name])) for name in ("name", "expected", "observed")), mark)
    return table
