"""The tables of a capacity study for a spreadsheet: dates, costs by team, and every curve."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sim.report.capacity_view import Json
from sim.report.tables import FORMULA_STARTS


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return target.getvalue()


def _plain(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula; nothing for what is unknown."""
    if isinstance(cell, float):
        return "" if not math.isfinite(cell) else repr(cell)
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def months_csv(summary: Json) -> str:
    """Every curve: arrangement, month, kind, name, metric, mean, ci95_low, ci95_high."""
    head = ("arrangement", "month", "kind", "name", "metric", "mean", "ci95_low", "ci95_high")
    return _csv(head, _month_rows(summary))


def _month_rows(summary: Json) -> Iterator[Sequence[object]]:
    for case, found in summary["cases"].items():
        series = found["series"]
        for kind, name, metric, line in _curves(series):
            for at, month in enumerate(series["months"]):
                values = (line[key][at] for key in ("mean", "low", "high"))
                yield case, float(month), kind, name, metric, *values


def _curves(series: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Json]]:
    for metric, line in series["total"].items():
        yield "total", "all teams", metric, line
    for kind in ("teams", "limits", "caps"):
        for name, metrics in series[kind].items():
            for metric, line in metrics.items():
                yield kind.removesuffix("s"), name, metric, line
    for name, line in series["objectives"].items():
        yield "objective", name, "value", line


def dates_csv(summary: Json) -> str:
    """Every date: arrangement, kind, name, event, month, early, late, because."""
    head = ("arrangement", "kind", "name", "event", "month", "early", "late", "because")
    return _csv(head, _date_rows(summary))


def _date_rows(summary: Json) -> Iterator[Sequence[object]]:
    for case, found in summary["cases"].items():
        for one in found["limits"]:
            yield case, "limit", one["name"], "full", *_three(one["full"]), ""
            yield case, "limit", one["name"], "breaks", *_three(one["breaks"]), one["harms"]["objective"]
        for one in found["caps"]:
            yield case, "cap", one["name"], "reached", *_three(one["reached"]), one["amount"]
        for one in found["objectives"]:
            yield case, "objective", one["text"], "missed", *_three(one["missed"]), one["cause"]
        for entry in found["tiers"]:
            for step in entry["steps"]:
                why = step["because"]
                because = "" if why is None else f"{why['class']} {why['dimension']} > {why['allowed']:g}".strip()
                tier = step["tier"] or f"beyond {entry['provider']}"
                yield case, "tier", entry["account"], f"needs {tier}", *_three(step["from"]), because


def _three(date: Json) -> tuple[float | None, ...]:
    return date["month"], date["early"], date["late"]


def costs_csv(summary: Json) -> str:
    """Dollars a month: a row an arrangement and month, a column a team, then all with its interval."""
    teams = list(dict.fromkeys(team for found in summary["cases"].values() for team in found["series"]["teams"]))
    head = ("arrangement", "month", *teams, "all teams", "ci95_low", "ci95_high", "if all were served")
    return _csv([_plain(name) for name in head], _cost_rows(summary, teams))


def _cost_rows(summary: Json, teams: Sequence[str]) -> Iterator[Sequence[object]]:
    for case, found in summary["cases"].items():
        series = found["series"]
        for at, month in enumerate(series["months"]):
            if month == int(month):
                each = [series["teams"][team]["usd"]["mean"][at] if team in series["teams"] else None for team in teams]
                whole = series["total"]["usd"]
                served = series["total"]["asked_usd"]["mean"][at]
                yield case, int(month), *each, *(whole[key][at] for key in ("mean", "low", "high")), served
