"""A cost study in a terminal: the answer, and a table that fits 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.report.console import opening, scaled, spark, table, visible, written
from sim.report.cost_view import View, dollars, half, percent
from sim.report.cost_words import details, headline, warnings
from sim.report.numbers import NB, stat

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COLUMNS = {"bill_mean": "mean", "bill_sd": "sd", "bill_p50": "p50", "bill_p95": "p95", "bill_p99": "p99",
           "bill_worst": "worst"}  # fmt: skip


BINS = 10


def text(summary: Mapping[str, Any], *, width: int | None = None, colour: bool | None = None) -> str:
    """The whole result as text for standard output, as :func:`sim.report.console.written` has it."""
    return written(partial(_print, View(summary)), width=width, colour=colour)


def _print(view: View, console: Console, width: int) -> None:
    from rich.text import Text

    opening(console, headline(view), details(view), warnings(view))
    console.print(_table(view, width))
    for claim in view.summary["claims"]:
        styles = {"supported": "green", "not supported": "red"}
        line = Text(f"{claim['verdict']:>15}  ", style=styles.get(claim["verdict"], "dim"))
        console.print(line.append(visible(claim["says"]), style="default"))


def _table(view: View, width: int) -> Table:
    """Bills with the interval of their mean, and how they spread as a spark line, where there is room for them."""
    from rich.text import Text

    over = [] if view.budget is None else [f"> {dollars(view.budget)}"]
    wide = width >= 100
    made = table([("bill a month", 18)], [*COLUMNS.values(), *over], "months" if wide else "")
    most = max(max(view.configuration(name)["bills_usd"]) for name in view.names)
    for name in view.names:
        total = view.configuration(name)["total"]
        mean = Text(dollars(total["bill_mean"]["mean"]))
        mean.append(f" {half(stat(total, 'bill_mean'))}".replace(NB, " ").rstrip(), style="dim")
        cells = [mean, *(Text(dollars(total[key]["mean"])) for key in COLUMNS if key != "bill_mean")]
        cells += [Text(percent(total["exceed"]["mean"], 1))] if over else []
        cells += [Text(spread(view.configuration(name)["bills_usd"], most))] if wide else []
        made.add_row(Text(visible(name)), *cells)
    return made


def spread(bills: Sequence[float], most: float) -> str:
    """How many months cost how much, from nothing to ``most``, as a spark line."""
    counts = [0.0] * BINS
    for bill in bills:
        counts[min(BINS - 1, int(BINS * bill / most)) if most > 0 else 0] += 1
    return spark(scaled(counts), BINS)
