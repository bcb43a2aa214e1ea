"""The tables of a report as cells, whatever writes them: the page, Markdown, the terminal, or CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.capacity import capacity_text
from sim.report.cast import Cast, Summary
from sim.report.numbers import MISSING, NB, UNKNOWN, Stat, count_text, half_text, kind_of, stat, value_text
from sim.report.objectives import objective_text
from sim.report.words import success


@dataclass(frozen=True)
class Column:
    """One column of a table of metrics: what it reads and how it is headed."""

    metric: str
    label: str
    better: int | None
    """1: higher is better, -1: lower is better, 0: neither, None: the same by design, no change shown."""


COLUMNS = (
    Column("offered", "Offered", None),
    Column("success_rate", "Success", 1),
    Column("latency_p95_s", "Latency p95", -1),
    Column("throttle_wait_p95_s", "Throttle wait p95", -1),
    Column("attempts_per_request", "Attempts / request", -1),
    Column("cost_usd", "Cost", 0),
)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Cell:
    """A number: its text, half its interval as text, and its change against the baseline."""

    value: Stat
    text: str
    half: str
    change: Stat = UNKNOWN
    change_text: str = ""
    mood: str = ""
    """``good``, ``bad``, ``plain`` or ``same`` for a change; empty where none is shown."""


@dataclass(frozen=True)
class Row:
    """One team (or the total) in one configuration."""

    team: str
    configuration: str
    token: str
    cells: tuple[Cell, ...]


def _read(metrics: Mapping[str, Any], metric: str) -> Stat:
    return success(metrics) if metric == "success_rate" else stat(metrics, metric)


def mood_of(change: Stat, better: int | None) -> str:
    """Whether a change is good or bad (or neither); ``same`` where its interval holds zero."""
    if not change.known or better is None:
        return ""
    if not change.differs:
        return "same"
    if better == 0:
        return "plain"
    return "good" if change.mean * better > 0 else "bad"


def cell(column: Column, metrics: Mapping[str, Any], pair: Mapping[str, Any]) -> Cell:
    """One cell; ``pair`` holds the paired differences of the same team, or nothing."""
    kind = kind_of(column.metric)
    value, change = _read(metrics, column.metric), _read(pair, column.metric)
    said = value_text(change, kind, sign=True, unit="points" if kind == "share" else None) if change.known else ""
    said = f"{said}{NB}{half_text(change, kind)}" if said and half_text(change, kind) else said
    return Cell(value, value_text(value, kind), half_text(value, kind), change, said, mood_of(change, column.better))


def _pair(summary: Summary, cast: Cast, name: str, team: str) -> Mapping[str, Any]:
    sides = summary.get("paired", {}).get(f"{name} - {cast.baseline}", {})
    found: Mapping[str, Any] = sides.get("teams", {}).get(team, {})
    return found


def team_rows(summary: Summary, cast: Cast, teams: tuple[str, ...]) -> list[Row]:
    """Every configuration of each of ``teams``, team after team."""
    return [
        Row(
            team, name, cast.token(team),
            tuple(
                cell(column, summary["configurations"][name]["teams"].get(team, {}), _pair(summary, cast, name, team))
                for column in COLUMNS
            ),
        )
        for team in teams
        for name in cast.configurations
    ]  # fmt: skip


def total_rows(summary: Summary, cast: Cast) -> list[Row]:
    """All teams together, in each configuration."""
    return [
        Row("all teams", name, "ink", tuple(
            cell(column, summary["configurations"][name]["total"],
                 summary.get("paired", {}).get(f"{name} - {cast.baseline}", {}).get("total", {}))
            for column in COLUMNS
        ))
        for name in cast.configurations
    ]  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One configuration: its isolation, total capacity, load, and what reaches how far."""

    name: str
    isolation: str
    capacity: str
    load: str
    fairness: str
    hurt: str


def _label(value: Any) -> str:
    if isinstance(value, Mapping):
        return _label(value.get("label", value.get("total", MISSING)))
    return str(value) if value else MISSING


def _blast(summary: Summary, name: str) -> str:
    """How many teams and services are under their objective, on average."""
    radius = summary["configurations"][name].get("blast_radius") or {}
    parts = [(stat(radius, key), word) for key, word in (("teams_below", "teams"), ("services_below", "services"))]
    return ", ".join(f"{count_text(value)}{NB}{word}" for value, word in parts if value.known) or MISSING


def sides(summary: Summary, cast: Cast) -> list[Side]:
    """Every configuration, for the table of capacities."""
    found = []
    for name in cast.configurations:
        entry = summary["configurations"][name]
        fair = stat(entry["total"], "jain_index")
        text = f"{fair.mean:.2f}" if fair.known else MISSING
        found.append(
            Side(
                name,
                str(entry.get("isolation", MISSING)),
                capacity_text(summary, name),
                _label(entry.get("load")),
                text,
                _blast(summary, name),
            )
        )
    return found


@dataclass(frozen=True)
class SloLine:
    """One objective in one configuration."""

    configuration: str
    text: str
    value: str
    half: str
    met: bool
    share: str
    mean: float
    met_share: float


def slo_lines(summary: Summary) -> list[SloLine]:
    """All objectives with what was measured."""
    found = []
    for slo in summary.get("slos", ()):
        value, kind = stat(slo, "value"), kind_of(slo["metric"])
        share = stat(slo, "met_share")
        found.append(
            SloLine(
                slo["configuration"],
                _objective(slo),
                value_text(value, kind),
                half_text(value, kind),
                bool(slo["met"]),
                f"{100 * share.mean:.0f}{NB}%" if share.known else MISSING,
                value.mean,
                share.mean,
            )
        )
    return found


def _objective(slo: Mapping[str, Any]) -> str:
    bound = f"{100 * slo['bound']:g}%" if kind_of(str(slo["metric"])) == "share" else f"{slo['bound']:g}"
    return objective_text(f"{slo['team']}: {slo['metric']} {slo['op']} {bound}")


def _harmless(name: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{name}" if name.startswith(FORMULA_STARTS) else name


def _csv_rows(summary: Summary) -> Iterator[tuple[object, ...]]:
    for name, side in summary["configurations"].items():
        for team, metrics in [*side["teams"].items(), ("(all teams)", side["total"])]:
            for metric in metrics:
                value = stat(metrics, metric)
                numbers = ("" if math.isnan(one) else repr(one) for one in (value.mean, value.low, value.high))
                yield _harmless(name), _harmless(team), metric, *numbers


def teams_csv(summary: Summary) -> str:
    """Every metric of every team as CSV: configuration, team, metric, mean, ci95_low, ci95_high."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(("configuration", "team", "metric", "mean", "ci95_low", "ci95_high"))
    writer.writerows(_csv_rows(summary))
    return target.getvalue()
