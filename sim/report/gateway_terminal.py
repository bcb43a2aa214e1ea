"""A comparison with a gateway in a terminal: predicted and observed, and what the probes found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.report.gateway_words import details, headline, warnings
from sim.report.terminal import visible
from sim.report.validate_terminal import console_of, lines_table, plain_lines

if TYPE_CHECKING:
    from rich.table import Table

Entry = Mapping[str, Any]


def text(summary: Entry, *, colour: bool | None = None) -> str:
    """The whole result for standard output; ``colour`` forces escape sequences on or off."""
    from rich.text import Text

    console, target = console_of(colour)
    console.print(Text(visible(headline(summary)), style="bold green" if summary["agrees"] else "bold red"))
    for line in details(summary):
        console.print(visible(line))
    for line in warnings(summary):
        console.print(Text(visible(line), style="red"))
    for name, entry in summary["configurations"].items():
        console.print()
        console.print(Text(visible(name), style="bold"))
        console.print(lines_table(entry, ("predicted", "litellm")))
    if summary["probes"]:
        console.print()
        console.print(_probes(summary["probes"]))
    return plain_lines(target.getvalue())


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
