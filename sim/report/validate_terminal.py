"""A validation in a terminal: both worlds side by side, what differs, and why."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.report.terminal import visible, wants_colour
from sim.report.validate_words import headline, metric_value, tolerance_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Entry = Mapping[str, Any]
WIDTH = 100


def text(summary: Entry, *, colour: bool | None = None) -> str:
    """The whole result for standard output; ``colour`` forces escape sequences on or off."""
    from rich.console import Console
    from rich.text import Text

    colour = wants_colour(sys.stdout) if colour is None else colour
    target = io.StringIO()
    console = Console(
        file=target, width=WIDTH, force_terminal=colour, no_color=not colour, highlight=False, markup=False,
        emoji=False, color_system="standard" if colour else None, legacy_windows=False,
    )  # fmt: skip
    console.print(Text(visible(headline(summary)), style="bold green" if summary["agrees"] else "bold red"))
    for name, entry in summary["configurations"].items():
        _print(console, name, entry)
    return "\n".join(line.rstrip() for line in target.getvalue().replace("\u00a0", " ").splitlines()) + "\n"


def _print(console: Console, name: str, entry: Entry) -> None:
    from rich.text import Text

    console.print()
    console.print(Text(visible(name), style="bold"))
    for why in entry["invalid"]:
        console.print(Text(visible(f"invalid: {why}"), style="red"))
    console.print(_table(entry))
    late, decisions = entry["boundary"]["lateness_ms"], entry["boundary"]["decisions"]
    console.print(visible(
        f"{entry['same']:,} of {entry['requests']:,} outcomes agree ({entry['share']:.2%}, needed "
        f"{entry['needed']:.0%})"
    ))  # fmt: skip
    for cause, count in entry["boundary"]["counts"].items():
        if count:
            console.print(visible(f"  {count:,} {cause}: {entry['boundary']['meanings'][cause]}"))
    if late["p99"] is not None:
        console.print(visible(
            f"Attempts came at times that differ by {late['p50']:.1f} ms (median), {late['p99']:.1f} ms (p99); by its "
            f"own times the rules decide {decisions['same']:,} of {decisions['asked']:,} live attempts as the emulator "
            "did"
        ))  # fmt: skip


def _table(entry: Entry) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("team", overflow="ellipsis", no_wrap=True, max_width=22)
    table.add_column("quantity", no_wrap=True)
    for head in ("simulated", "live", "difference", "tolerance"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("")
    last = None
    for line in entry["lines"]:
        mark = {True: Text("✓", style="green"), False: Text("✗", style="red"), None: Text("")}[line["within"]]
        table.add_row(
            Text(visible(line["team"]) if line["team"] != last else "", style="bold"), line["metric"],
            *(metric_value(line[side], line["unit"]) for side in ("simulated", "live")),
            metric_value(line["difference"], line["unit"], signed=True), tolerance_text(line), mark,
        )  # fmt: skip
        last = line["team"]
    return table
