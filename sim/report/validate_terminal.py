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
    from rich.text import Text

    console, target = console_of(colour)
    console.print(Text(visible(headline(summary)), style="bold green" if summary["agrees"] else "bold red"))
    for name, entry in summary["configurations"].items():
        _print(console, name, entry)
    return plain_lines(target.getvalue())


def console_of(colour: bool | None) -> tuple[Console, io.StringIO]:
    """A console that writes into memory, coloured where standard output is, or as ``colour`` says."""
    from rich.console import Console

    coloured = wants_colour(sys.stdout) if colour is None else colour
    target = io.StringIO()
    console = Console(
        file=target, width=WIDTH, force_terminal=coloured, no_color=not coloured, highlight=False, markup=False,
        emoji=False, color_system="standard" if coloured else None, legacy_windows=False,
    )  # fmt: skip
    return console, target


def plain_lines(text: str) -> str:
    """What was written, without spaces at the ends of lines and without unbreakable ones."""
    return "\n".join(line.rstrip() for line in text.replace("\u00a0", " ").splitlines()) + "\n"


def _print(console: Console, name: str, entry: Entry) -> None:
    from rich.text import Text

    console.print()
    console.print(Text(visible(name), style="bold"))
    for why in entry["invalid"]:
        console.print(Text(visible(f"invalid: {why}"), style="red"))
    console.print(lines_table(entry))
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


def lines_table(entry: Entry, sides: tuple[str, str] = ("simulated", "live")) -> Table:
    """Every number of every team on both sides."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("team", overflow="ellipsis", no_wrap=True, max_width=22)
    table.add_column("quantity", no_wrap=True)
    for head in (*sides, "difference", "tolerance"):
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
