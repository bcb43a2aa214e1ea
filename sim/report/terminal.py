"""The result in a terminal: the answer, and a compact table with intervals that fits 80 columns."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from sim.report.cast import Summary, cast_of, shorten
from sim.report.numbers import NB
from sim.report.tables import COLUMNS, Cell, Row, slo_lines, team_rows, total_rows
from sim.report.words import answer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
SHOWN = 10
_STYLES = {"good": "green", "bad": "red"}
_HEADS = {
    "success_rate": "success", "latency_p95_s": "p95", "throttle_wait_p95_s": "wait p95",
    "attempts_per_request": "tries", "cost_usd": "cost",
}  # fmt: skip


def visible(text: str) -> str:
    """``text`` without characters that steer a terminal."""
    return "".join(char if char.isprintable() or char == NB else "\ufffd" for char in text)


def spark(shares: list[float], width: int = 12) -> str:
    """Shares from 0 to 1 as a line of blocks; intervals are averaged down to ``width``."""
    if not shares:
        return ""
    size = max(1, -(-len(shares) // width))
    groups = [shares[at : at + size] for at in range(0, len(shares), size)]
    means = [sum(group) / len(group) for group in groups]
    return "".join(BARS[min(7, max(0, round(7 * mean)))] for mean in means)


def success_over_time(summary: Summary, name: str, team: str | None) -> list[float]:
    """Success by interval, where anything was sent; of all teams when ``team`` is None."""
    series: Any = summary["configurations"][name].get("series") or {}
    columns = series.get("total", {}) if team is None else series.get("teams", {}).get(team, {})
    pairs = zip(columns.get("succeeded", ()), columns.get("offered", ()), strict=False)
    return [good / sent for good, sent in pairs if sent]


def _cell(cell: Cell, wide: bool) -> Any:
    from rich.text import Text

    text = Text(cell.text.replace(NB, " "), style=_STYLES.get(cell.mood, ""))
    if wide and cell.half:
        text.append(f" {cell.half}".replace(NB, " "), style="dim")
    return text


def _row(summary: Summary, row: Row, first: bool, wide: bool, single: bool) -> list[Any]:
    """The texts of one line; the interval stands with the success rate, and elsewhere if there is room."""
    from rich.text import Text

    team = None if row.token == "ink" else row.team
    head = [Text(visible(row.team) if first else "", style="bold")]
    where = [] if single else [Text(shorten(visible(row.configuration), 20 if wide else 12))]
    cells = [_cell(cell, wide or at == 0) for at, cell in enumerate(row.cells[1:])]
    return [*head, *where, *cells, Text(spark(success_over_time(summary, row.configuration, team), 12 if wide else 7))]


def _table(summary: Summary, width: int) -> Table:
    from rich.table import Table

    cast = cast_of(summary, answer(summary).leads)
    single, wide = len(cast.configurations) == 1, width >= 124
    spare = 14 if single else 9
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", width=min(width, 160))
    table.add_column("team", overflow="ellipsis", no_wrap=True, max_width=spare + (12 if wide else 5))
    if not single:
        table.add_column(
            "configuration" if wide else "config", overflow="ellipsis", no_wrap=True, max_width=20 if wide else 12
        )
    for column in COLUMNS[1:]:
        table.add_column(_HEADS[column.metric], justify="right", no_wrap=True)
    table.add_column("trend", no_wrap=True, overflow="crop", max_width=12 if wide else 8)
    last = None
    for row in [*team_rows(summary, cast, cast.teams[:SHOWN]), *total_rows(summary, cast)]:
        table.add_row(*_row(summary, row, row.team != last, wide, single))
        last = row.team
    return table


def _print(console: Console, summary: Summary, width: int) -> None:
    from rich.text import Text

    found = answer(summary)
    console.print(Text(visible(found.headline), style="bold"))
    for text in found.details:
        console.print(Text(visible(text)))
    for text in found.warnings:
        console.print(Text("Mind: " + visible(text), style="yellow"))
    console.print()
    console.print(_table(summary, width))
    left = len(next(iter(summary["configurations"].values()))["teams"]) - SHOWN
    if left > 0:
        console.print(Text(f"{left} smaller teams are in the report.", style="dim"))
    _objectives(console, summary)


def _objectives(console: Console, summary: Summary) -> None:
    from rich.text import Text

    lines = slo_lines(summary)
    missed = [line for line in lines if not line.met]
    if not lines:
        return
    console.print()
    console.print(
        Text(f"Objectives: {len(lines) - len(missed)} of {len(lines)} met", style="red" if missed else "green")
    )
    for line in missed[:SHOWN]:
        measured = f"{line.value} {line.half}".strip()
        console.print(Text(visible(f"  ✗ {line.configuration}: {line.text}, measured {measured}")))


def wants_colour(stream: TextIO) -> bool:
    """Colours only on a terminal that takes them, and not against NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def text(summary: Summary, *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output.

    ``width`` in columns (the terminal's by default, 80 where there is none, never under 80);
    ``colour`` forces escape sequences on or off.
    """
    from rich.console import Console

    colour = wants_colour(sys.stdout) if colour is None else colour
    target = io.StringIO()
    width = max(80, width or _terminal_width())
    console = Console(
        file=target, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False,
        emoji=False, color_system="standard" if colour else None, legacy_windows=False,
    )  # fmt: skip
    _print(console, summary, width)
    return "\n".join(line.rstrip() for line in target.getvalue().replace(NB, " ").splitlines()) + "\n"


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size((80, 24)).columns


__all__ = ["spark", "text", "visible"]
