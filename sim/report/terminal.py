"""The result in a terminal: the answer, and a compact table with intervals that fits 80 columns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sim.report.cast import Summary, cast_of, shorten
from sim.report.console import left_out, opening, spark, visible, wants_colour, written
from sim.report.numbers import NB
from sim.report.tables import COLUMNS, Cell, Row, slo_lines, team_rows, total_rows
from sim.report.words import answer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 10
_STYLES = {"good": "green", "bad": "red"}
_HEADS = {
    "success_rate": "success", "latency_p95_s": "p95", "throttle_wait_p95_s": "wait p95",
    "attempts_per_request": "tries", "cost_usd": "cost",
}  # fmt: skip


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


def _print(summary: Summary, console: Console, width: int) -> None:
    found = answer(summary)
    opening(console, found.headline, found.details, found.warnings)
    console.print(_table(summary, width))
    teams = next(iter(summary["configurations"].values()))["teams"]
    left_out(console, len(teams) - SHOWN, "smaller teams are in the report.")
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


def text(summary: Summary, *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_print, summary), width=width, colour=colour)


__all__ = ["spark", "text", "visible", "wants_colour"]
