"""Attempts per request: a dot with its interval for each team and configuration."""

from __future__ import annotations

import math

from sim.report.cast import place
from sim.report.figures.base import Canvas, Sheet, grid, label_room, label_rows, rows_of, rows_panel, shown_teams
from sim.report.inputs import Study
from sim.report.numbers import Stat, short_text, stat, value_text
from sim.report.style import MUTED
from sim.report.words import metrics_of

METRIC = "attempts_per_request"


def _value(study: Study, name: str, team: str) -> Stat:
    return stat(metrics_of(study.summary, name, team), METRIC)


def finding(study: Study) -> str:
    """The team that tries most often on the baseline, and what becomes of that elsewhere."""
    base, *others = study.cast.configurations
    known = [team for team in study.cast.teams if _value(study, base, team).known]
    if not known:
        return f"Nobody makes an attempt {place(study.summary, base)}"
    most = max(known, key=lambda team: _value(study, base, team).mean)
    text = f"{most} makes {value_text(_value(study, base, most), 'ratio')} attempts per request"
    text += f" {place(study.summary, base)}"
    after = {name: _value(study, name, most) for name in others if _value(study, name, most).known}
    if not after:
        return text
    before = _value(study, base, most).mean
    far = max(after, key=lambda name: abs(math.log(max(after[name].mean, 1e-9) / max(before, 1e-9))))
    return f"{text}, {value_text(after[far], 'ratio')} {place(study.summary, far)}"


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels."""
    teams, left_out = shown_teams(study)
    rows = rows_of(teams, study.cast.configurations)
    values = {(team, name): _value(study, name, team) for team, name, _ in rows.lines}
    known = [value for value in values.values() if value.known]
    if not known:
        return None
    title = finding(study)
    subtitle = f"Attempts per request (1 = no retries), mean with 95 % interval{left_out}"
    canvas = Canvas(width, rows.height + 40, top=18)
    room, right = label_room(study, teams, width), 62 if width > 500 else 50
    label_rows(canvas, rows, study, room)
    axes = rows_panel(canvas, rows, room, width - room - right)
    for team, name, y in rows.lines:
        value = values[team, name]
        colour = study.cast.colour(team)
        if math.isfinite(value.half):
            axes.plot([value.low, value.high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
        if value.known:
            axes.plot([1, value.mean], [y, y], color=colour, linewidth=0.8, alpha=0.5)
            axes.plot([value.mean], [y], marker="o", markersize=6.5, color=colour)
        canvas.text(width - 2, y, short_text(value, "ratio"), ha="right")
    tops = [value.high if math.isfinite(value.high) else value.mean for value in known]
    axes.set_xlim(min(1.0, *(value.mean for value in known), 1.0), max(1.5, *tops, 1.5) * 1.04)
    axes.locator_params(axis="x", nbins=max(3, int((width - room) / 110)))
    axes.tick_params(axis="x", labeltop=len(rows.lines) > 12)
    grid(axes)
    axes.axvline(1, color=MUTED, linewidth=1)
    return Sheet(canvas.figure, title, subtitle, f"Attempts per request of {len(teams)} teams. {title}.")
