"""A validation in a terminal: both worlds side by side, what differs, and why."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.report.console import table, verdict, visible, written
from sim.report.validate_words import headline, metric_value, tolerance_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Entry = Mapping[str, Any]


def text(summary: Entry, *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_tell, summary), width=width, colour=colour)


def _tell(summary: Entry, console: Console, width: int) -> None:
    verdict(console, headline(summary), good=summary["agrees"])
    for name, entry in summary["configurations"].items():
        _print(console, name, entry)


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
    from rich.text import Text

    made = table([("team", 14), ("quantity", 14)], [*sides, "difference", "tolerance", ""])
    last = None
    for line in entry["lines"]:
        mark = {True: Text("✓", style="green"), False: Text("✗", style="red"), None: Text("")}[line["within"]]
        made.add_row(
            Text(visible(line["team"]) if line["team"] != last else "", style="bold"), line["metric"],
            *(metric_value(line[side], line["unit"]) for side in ("simulated", "live")),
            metric_value(line["difference"], line["unit"], signed=True), tolerance_text(line), mark,
        )  # fmt: skip
        last = line["team"]
    return made
