"""How far it reached: teams and services below their objective, and the service-minutes lost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.report.cast import place
from sim.report.figures.base import Canvas, Sheet, cut, grid, length
from sim.report.inputs import Study
from sim.report.numbers import NB, Stat, count_text, stat
from sim.report.style import INK, OUTCOMES_LIGHT, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = (
    ("teams_below", "teams"),
    ("services_below", "services"),
    ("service_minutes_lost", "service-minutes lost"),
)
LINE, HEADING = 20, 24
COLOUR = OUTCOMES_LIGHT["failed"]


def _radius(study: Study, name: str, measure: str) -> Stat:
    return stat(study.summary["configurations"][name].get("blast_radius") or {}, measure)


def _most(study: Study) -> tuple[int, int]:
    """How many teams and services there are."""
    teams = study.summary["configurations"][study.cast.baseline]["blast_radius"]["teams"]
    return len(teams), sum(team["services"] for team in teams.values())


def finding(study: Study) -> str:
    """The widest and the narrowest configuration."""
    reach = {name: _radius(study, name, "services_below").mean for name in study.cast.configurations}
    widest, narrowest = max(reach, key=lambda name: reach[name]), min(reach, key=lambda name: reach[name])
    total = _most(study)[1]

    def told(name: str) -> str:
        return f"{count_text(Stat(reach[name]))} of {total} services are below their objective"

    text = f"{told(widest)} {place(study.summary, widest)}"
    if reach[widest] == reach[narrowest]:
        return text + (" as everywhere else" if len(reach) > 1 else "")
    return f"{text}, {count_text(Stat(reach[narrowest]))} {place(study.summary, narrowest)}"


def _bars(axes: Axes, study: Study, measure: str) -> None:
    for at, name in enumerate(study.cast.configurations):
        value, y = _radius(study, name, measure), at * LINE + LINE / 2
        if value.known:
            axes.barh(y, value.mean, height=11, color=COLOUR, linewidth=0)
            if math.isfinite(value.half) and value.half > 0:
                axes.plot([max(0, value.low), value.high], [y, y], color=INK, linewidth=1.2)


def draw(study: Study, width: int) -> Sheet | None:
    """The figure at ``width`` pixels; None where nothing falls below its objective."""
    names = study.cast.configurations
    worst = {measure: max(_radius(study, name, measure).mean for name in names) for measure, _ in MEASURES}
    if not worst["services_below"] > 0:
        return None
    most = dict(zip(("teams_below", "services_below"), _most(study), strict=True))
    room = min(max(length(name, TEXT) for name in names) + 12, width * 0.34)
    columns = 3 if width > 500 else 1
    height = HEADING + LINE * len(names) + 26
    canvas = Canvas(width, height * (3 // columns) + 4)
    wide = (width - room) / columns
    for at, (measure, label) in enumerate(MEASURES):
        left, top = room + (at % columns) * wide, (at // columns) * height
        total = f" of {most[measure]}" if measure in most else ""
        canvas.text(left, top + 9, label + total, size=TEXT, weight="bold")
        axes = canvas.panel(left, top + HEADING, wide - 58, LINE * len(names))
        axes.set_ylim(LINE * len(names), 0)
        axes.set_yticks([])
        axes.set_xlim(0, max(most.get(measure, worst[measure]), worst[measure], 1e-9))
        axes.locator_params(axis="x", nbins=3)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        grid(axes)
        _bars(axes, study, measure)
        for row, name in enumerate(names):
            y = top + HEADING + row * LINE + LINE / 2
            if at % columns == 0:
                canvas.text(0, y, cut(name, room - 8, TEXT), size=TEXT)
            canvas.text(left + wide - 54, y, count_text(_radius(study, name, measure)))
    title = finding(study)
    subtitle = f"Mean of a replication; line: 95{NB}% interval. A team is below when its own success rate is"
    return Sheet(canvas.figure, title, subtitle, f"Bars of the blast radius of {len(names)} configurations. {title}.")
