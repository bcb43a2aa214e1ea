"""Outcome of requests over time: small multiples, one row a team, one column a configuration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.report.cast import place
from sim.report.figures.base import Canvas, Sheet, cut, time_axis
from sim.report.inputs import Study
from sim.report.numbers import NB, clock, number
from sim.report.style import GRID, OUTCOME_LABELS, OUTCOMES_LIGHT, TEXT, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

STACK = ("succeeded", "refused", "failed", "unfinished")
GUTTER, GAP, HEADER, PANEL = 40, 14, 22, 50


def finding(study: Study) -> str:
    """The worst interval of the most hurt team, where it is hurt."""
    victim, base = study.answer.scene
    rows = study.over_time
    rows = rows[(rows["configuration"] == base) & (rows["team"] == victim) & (rows["offered"] > 0)]
    if rows.empty:
        return f"{victim} sends nothing in the measured time"
    lost = (1 - rows["succeeded"] / rows["offered"]).to_numpy()
    worst = int(lost.argmax())
    if lost[worst] < 0.01:
        return f"At every moment at least 99{NB}% of {victim}’s requests succeed {place(study.summary, base)}"
    share = number(100 * float(lost[worst]), 0)
    when = clock(float(rows["start_s"].iloc[worst]))
    return f"At its worst moment ({when}) {victim} loses {share}{NB}% of its requests {place(study.summary, base)}"


def _grouped(study: Study, most: int) -> tuple[DataFrame, list[str]]:
    """The table with all teams beyond ``most`` summed into one, and the names of its rows."""
    import pandas as pd

    shown = list(study.cast.teams[:most])
    left = len(study.cast.teams) - len(shown)
    table = study.over_time.astype({"team": str, "configuration": str})
    if not left:
        return table, shown
    if left == 1:
        return table, [*shown, study.cast.teams[-1]]
    rest = f"{left} smaller teams"
    while rest in study.cast.teams:
        rest += " together"
    names = table["team"].where(table["team"].isin(shown), rest)
    grouped = table.assign(team=names).groupby(["configuration", "team", "start_s", "end_s"], as_index=False).sum()
    return pd.DataFrame(grouped), [*shown, rest]


def _areas(axes: Axes, rows: DataFrame) -> None:
    """Stacked steps of requests per minute, drawn bottom up; outcomes that never happen leave no mark."""
    import numpy as np

    rows = rows.sort_values("start_s")
    minutes = (rows["end_s"] - rows["start_s"]).to_numpy() / 60
    edges = np.append(rows["start_s"].to_numpy(), rows["end_s"].to_numpy()[-1:]) / 60
    floor = np.zeros(len(edges))
    for outcome in STACK:
        rate = rows[outcome].to_numpy() / minutes
        if not rate.any():
            continue
        top = floor + np.append(rate, rate[-1:])
        axes.fill_between(edges, floor, top, step="post", facecolor=OUTCOMES_LIGHT[outcome], linewidth=0)
        floor = top


def _nice(value: float) -> float:
    """The next round number at or above ``value``."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * size >= value * 0.999)


def _peak(table: DataFrame, team: str) -> float:
    rows = table[table["team"] == team]
    if rows.empty:
        return 1.0
    return _nice(float((rows[list(STACK)].sum(axis=1) / (rows["end_s"] - rows["start_s"]) * 60).max()))


def _multiples(canvas: Canvas, study: Study, table: DataFrame, teams: list[str], names: tuple[str, ...],
               top: float) -> float:  # fmt: skip
    """One block of columns; returns the y below it."""
    wide = (canvas.width - GUTTER - GAP * (len(names) - 1) - 4) / len(names)
    lefts = [GUTTER + at * (wide + GAP) for at in range(len(names))]
    for left, name in zip(lefts, names, strict=True):
        canvas.text(left, top + 8, cut(name, wide, TEXT, bold=True), size=TEXT, weight="bold")
    y, start, end = top + 20.0, float(table["start_s"].min()) / 60, float(table["end_s"].max()) / 60
    for team in teams:
        peak, last = _peak(table, team), team == teams[-1]
        canvas.box(0, y + 3, 9, 9, study.cast.colour(team))
        canvas.text(15, y + 8, cut(team, canvas.width - 20, TEXT), size=TEXT)
        for left, name in zip(lefts, names, strict=True):
            axes = canvas.panel(left, y + HEADER, wide, PANEL)
            rows = table[(table["team"] == team) & (table["configuration"] == name)]
            axes.axhline(0, color=GRID, linewidth=0.8)
            axes.axhline(peak, color=GRID, linewidth=0.8)
            if not rows.empty:
                _areas(axes, rows)
            shade(axes, study.spans)
            axes.set_ylim(0, peak * 1.02)
            first = left == lefts[0]
            axes.set_yticks([0, peak], ["0", f"{peak:g}"] if first else ["", ""])
            time_axis(axes, start, end, max(2, int(wide / 55)), last)
        y += HEADER + PANEL + 10
    return y + 16


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels."""
    most = 10 if width > 500 else 6
    table, teams = _grouped(study, most)
    if table.empty:
        return None
    per_line = max(1, min(len(study.cast.configurations), int((width - GUTTER) / 140)))
    names = study.cast.configurations
    blocks = [names[at : at + per_line] for at in range(0, len(names), per_line)]
    block = 20 + len(teams) * (HEADER + PANEL + 10) + 16
    title = finding(study)
    minutes = float((table["end_s"] - table["start_s"]).iloc[0]) / 60
    subtitle = f"Requests per minute by outcome, by time of arrival (hours:minutes), in steps of {minutes:.3g}{NB}min"
    subtitle += "; shaded: chaos" if study.windows else ""
    used = [name for name in STACK if float(table[name].sum()) > 0]
    canvas = Canvas(width, 30 + len(blocks) * block + 17 * (width < 500))
    y = 10 + canvas.key(0, 7, [(OUTCOMES_LIGHT[name], OUTCOME_LABELS[name]) for name in used])
    for part in blocks:
        y = _multiples(canvas, study, table, teams, part, y)
    alt = f"Stacked areas over time for {len(teams)} rows of teams and {len(names)} configurations. {title}."
    return Sheet(canvas.figure, title, subtitle, alt)
